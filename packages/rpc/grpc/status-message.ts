/** In UTF-16 units; percent-encoded it grows up to ninefold, and clients take 8 KiB to 16 KiB of headers. */
const maxLength = 1_000;
const unreserved = /^[ -$&-~]*$/;

/**
 * A status message as `grpc-message` carries it: percent-encoded UTF-8, cut when it is too long.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses
 */
export function encodeStatusMessage(message: string): string {
  const text = message.slice(0, maxLength).toWellFormed();
  // A space at either end would not survive as a field's value.
  if (unreserved.test(text) && text.trim() === text) return text;
  let encoded = "";
  for (const byte of Buffer.from(text)) {
    const isPlain = byte > 0x20 && byte < 0x7f && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
