import { HpackError } from "./hpack-error.ts";

/** Where a decoder is in a block. */
export interface Cursor {
  bytes: Uint8Array;
  position: number;
  end: number;
}

/** They reach 2^28, beyond any index, length or size that we allow; RFC 7541 §5.1 wants an error for more. */
const octetsMax = 4;

/**
 * Reads an integer, RFC 7541 §5.1, whose first octet was read already.
 * @param first that octet
 * @param prefixMax the largest value of its prefix, which is also the prefix's mask
 * @returns 0 to 2^28 + 254
 * @throws HpackError when it ends too early or takes more than four octets after the first
 */
export function readInteger(cursor: Cursor, first: number, prefixMax: number): number {
  const prefix = first & prefixMax;
  if (prefix < prefixMax) return prefix;
  let value = prefixMax;
  for (let octets = 0; octets < octetsMax; octets++) {
    if (cursor.position === cursor.end) throw new HpackError("the block ends within an integer");
    const octet = cursor.bytes[cursor.position++] as number;
    value += (octet & 0x7f) << (7 * octets);
    if (octet < 0x80) return value;
  }
  throw new HpackError(`an integer takes more than ${octetsMax} octets after its prefix`);
}

/**
 * Writes an integer, RFC 7541 §5.1.
 * @param pattern the bits before the prefix
 * @param prefixMax the largest value of the prefix
 * @returns the position after it
 */
export function writeInteger(
  bytes: Uint8Array,
  position: number,
  pattern: number,
  prefixMax: number,
  value: number,
): number {
  let next = position;
  if (value < prefixMax) {
    bytes[next++] = pattern | value;
    return next;
  }
  bytes[next++] = pattern | prefixMax;
  let rest = value - prefixMax;
  for (; rest >= 0x80; rest >>>= 7) bytes[next++] = (rest & 0x7f) | 0x80;
  bytes[next++] = rest;
  return next;
}
