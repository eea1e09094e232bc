import { HpackError } from "./hpack-error.ts";
import { decodedBytesMax, decodeHuffman, encodeHuffman, huffmanLength } from "./huffman.ts";
import { type Cursor, readInteger, writeInteger } from "./integers.ts";
import { latin1 } from "./latin1.ts";

const huffmanFlag = 0x80;
const lengthMax = 0x7f;

/** Where texts are decoded to before they become strings. */
let scratch = Buffer.allocUnsafeSlow(1024);

/**
 * Reads a string literal, RFC 7541 §5.2.
 * @returns one character for each byte
 * @throws HpackError
 */
export function readText(cursor: Cursor): string {
  const first = firstOctet(cursor);
  const start = startOf(cursor, first);
  if ((first & huffmanFlag) === 0) return latin1(cursor.bytes, start, cursor.position);
  const length = decodeToScratch(cursor, start);
  return latin1(scratch, 0, length); // only now: the scratch may have become another one
}

/** The length of what `readText` would return, without making a string of it. */
export function skipText(cursor: Cursor): number {
  const first = firstOctet(cursor);
  const start = startOf(cursor, first);
  return (first & huffmanFlag) === 0 ? cursor.position - start : decodeToScratch(cursor, start);
}

/** Bytes that a text takes at most, its length included. */
export function textBytesMax(text: string): number {
  return text.length + 6;
}

/** Writes a string literal, Huffman-coded when that is shorter; returns the position after it. */
export function writeText(text: string, out: Uint8Array, position: number): number {
  const coded = huffmanLength(text);
  if (coded < text.length) return encodeHuffman(text, out, writeInteger(out, position, huffmanFlag, lengthMax, coded));
  let next = writeInteger(out, position, 0, lengthMax, text.length);
  for (let i = 0; i < text.length; i++) out[next++] = text.charCodeAt(i);
  return next;
}

function firstOctet(cursor: Cursor): number {
  if (cursor.position === cursor.end) throw new HpackError("the block ends before a text");
  return cursor.bytes[cursor.position++] as number;
}

/** Moves the cursor to the end of a text and returns where it starts. */
function startOf(cursor: Cursor, first: number): number {
  const length = readInteger(cursor, first, lengthMax);
  const start = cursor.position;
  const left = cursor.end - start;
  if (length > left) throw new HpackError(`a text of ${length} bytes has ${left} left in the block`);
  cursor.position = start + length;
  return start;
}

function decodeToScratch(cursor: Cursor, start: number): number {
  const bytesMax = decodedBytesMax(cursor.position - start);
  if (bytesMax > scratch.length) scratch = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(bytesMax)));
  return decodeHuffman(cursor.bytes, start, cursor.position, scratch);
}
