import { HpackDecoder, type HpackDecoderOptions } from "../decoder.ts";
import type { HeaderPair } from "../encoder.ts";
import type { HeaderField } from "../header-field.ts";
import { HpackError } from "../hpack-error.ts";

/** A decoder with the limits of a server, but for those given. */
export function newDecoder(options: Partial<HpackDecoderOptions> = {}): HpackDecoder {
  return new HpackDecoder({ tableMaxBytes: 4096, listMaxBytes: 16 * 1024, classify: () => {}, ...options });
}

interface Decoded {
  readonly fields: readonly HeaderField[];
  readonly pairs: readonly HeaderPair[];
  readonly listBytes: number;
}

/** @param block bytes, or hexadecimal digits with any white space between them */
export function decodeBlock(decoder: HpackDecoder, block: Uint8Array | string): Decoded {
  const bytes = typeof block === "string" ? hex(block) : block;
  const fields: HeaderField[] = [];
  const listBytes = decoder.decode(bytes, 0, bytes.length, fields);
  return { fields, pairs: fields.map(({ name, value }) => [name, value]), listBytes };
}

export function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(/\s/g, ""), "hex");
}

/**
 * The decoder's dynamic table, newest first, as a peer can find it out: by asking for index after index.
 * @param decoder its lists have room for any field of the table
 */
export function dynamicTableOf(decoder: HpackDecoder): HeaderPair[] {
  const table: HeaderPair[] = [];
  for (;;) {
    const rest = table.length - (0x7f - 62);
    const block =
      rest < 0 ? [0x80 | (62 + table.length)] : [0xff, ...(rest < 0x80 ? [rest] : [rest | 0x80, rest >> 7])];
    try {
      table.push(...decodeBlock(decoder, Uint8Array.from(block)).pairs);
    } catch (error) {
      if (error instanceof HpackError) return table;
      throw error;
    }
  }
}
