/** A header block that breaks RFC 7541. The state of the connection's table is lost: COMPRESSION_ERROR. */
export class HpackError extends Error {
  override readonly name = "HpackError";
}
