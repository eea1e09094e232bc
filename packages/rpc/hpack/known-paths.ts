import type { HeaderField } from "./header-field.ts";
import type { Cursor } from "./integers.ts";

/** The first octet of a `:path` that is spelled out and not put in the table, RFC 7541 §6.2.2: index 4 names it. */
export const pathByName = 0x04;

/** More than the methods of a server, each in a coded and a plain form; further ones are read as any literal. */
const pathsMax = 512;
const bucketsMax = 64;
/** One octet gives its length; and the two last ones find it. */
const textMax = 0x7e;
const textMin = 1;

interface KnownPath {
  /** As it is sent: its length, then its text. */
  readonly literal: Uint8Array;
  readonly field: HeaderField;
}

/**
 * Paths as they are sent, and what they were read as. Some clients, nghttp2 and what is built on it, spell the path out
 * with each request: to compare its bytes takes a fraction of the time of decoding and classifying them.
 */
export class KnownPaths {
  readonly #buckets: KnownPath[][] = Array.from({ length: bucketsMax }, () => []);
  #count = 0;

  /** Reads the literal that the cursor is at if it is known; else leaves the cursor where it is. */
  read(cursor: Cursor): HeaderField | undefined {
    const { bytes, position, end } = cursor;
    const literalEnd = position + 1 + ((bytes[position] as number) & 0x7f);
    if (literalEnd > end) return undefined;
    for (const { literal, field } of this.#bucketOf(bytes, literalEnd - position, literalEnd)) {
      if (!isAt(literal, bytes, position, literalEnd)) continue;
      cursor.position = literalEnd;
      return field;
    }
    return undefined;
  }

  /** @param literal a length and its text, which are kept unless they are unusually long */
  add(literal: Uint8Array, field: HeaderField): void {
    const textLength = literal.length - 1;
    if (this.#count === pathsMax || textLength < textMin || textLength > textMax) return;
    this.#bucketOf(literal, literal.length, literal.length).push({ literal, field });
    this.#count++;
  }

  /** Methods of one service differ towards the end. */
  #bucketOf(bytes: Uint8Array, length: number, end: number): KnownPath[] {
    const mixed = length + 7 * (bytes[end - 1] as number) + 31 * (bytes[end - 2] as number);
    return this.#buckets[mixed % bucketsMax] as KnownPath[];
  }
}

function isAt(literal: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (literal.length !== end - start) return false;
  for (let i = 0; i < literal.length; i++) {
    if (literal[i] !== bytes[start + i]) return false;
  }
  return true;
}
