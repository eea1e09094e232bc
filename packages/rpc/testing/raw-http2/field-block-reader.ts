import { HpackDecoder } from "../../hpack/decoder.ts";
import type { HeaderField } from "../../hpack/header-field.ts";
import { contentOf, has, type ReceivedFrame } from "./received-frame.ts";

/** Puts the server's field blocks together and reads them. */
export class FieldBlockReader {
  readonly #decoder = new HpackDecoder({ tableMaxBytes: 2 ** 24, listMaxBytes: 2 ** 24, classify: () => undefined });
  #headers: ReceivedFrame | undefined;
  #fragments: Buffer[] = [];

  /**
   * @param frame HEADERS or CONTINUATION
   * @returns the HEADERS frame, with its block and fields, once that is complete
   * @throws HpackError when the block breaks RFC 7541
   */
  read(frame: ReceivedFrame): ReceivedFrame | undefined {
    if (frame.type === "HEADERS") {
      this.#headers = frame;
      this.#fragments = [contentOf(frame)];
    } else {
      this.#fragments.push(frame.payload);
    }
    if (!has(frame, "END_HEADERS") || this.#headers === undefined) return undefined;
    const block = Buffer.concat(this.#fragments);
    const fields: HeaderField[] = [];
    this.#decoder.decode(block, 0, block.length, fields);
    return Object.assign(this.#headers, { block, fields: fields.map(({ name, value }) => [name, value] as const) });
  }
}
