import { encodeHuffman, huffmanLength } from "../../hpack/huffman.ts";

/** Name and value, one character for each byte. */
export type Field = readonly [name: string, value: string];

/** A field block that leaves no trace in a dynamic table. Source: RFC 7541 §6.2.2. */
export function fieldBlock(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.map(([name, value]) => literal("without indexing", name, value)));
}

/** The ways to write a field by its text: RFC 7541 §6.2. */
export type Indexing = "incremental" | "without indexing" | "never indexed";
const patterns: Record<Indexing, { bits: number; prefix: number }> = {
  incremental: { bits: 0b0100_0000, prefix: 6 },
  "without indexing": { bits: 0b0000_0000, prefix: 4 },
  "never indexed": { bits: 0b0001_0000, prefix: 4 },
};

/**
 * A literal field.
 * @param name a text, or the index of a field that has this name
 */
export function literal(indexing: Indexing, name: string | number, value: string, options: TextOptions = {}): Buffer {
  const { bits, prefix } = patterns[indexing];
  const index = integer(typeof name === "number" ? name : 0, prefix, bits);
  return Buffer.concat([index, ...(typeof name === "number" ? [] : [text(name, options)]), text(value, options)]);
}

/** A field of a table: RFC 7541 §6.1. */
export function indexed(index: number): Buffer {
  return integer(index, 7, 0b1000_0000);
}

/** Dynamic table size update: RFC 7541 §6.3. */
export function sizeUpdate(maxBytes: number): Buffer {
  return integer(maxBytes, 5, 0b0010_0000);
}

interface TextOptions {
  readonly huffman?: boolean;
}

/** A string literal: RFC 7541 §5.2. */
export function text(content: string, { huffman = false }: TextOptions = {}): Buffer {
  if (!huffman) return Buffer.concat([integer(content.length, 7, 0), Buffer.from(content, "latin1")]);
  const coded = Buffer.alloc(huffmanLength(content));
  encodeHuffman(content, coded, 0);
  return huffmanText(coded);
}

/** A string literal that claims to be Huffman-coded, whatever its bytes are. */
export function huffmanText(coded: Uint8Array): Buffer {
  return Buffer.concat([integer(coded.length, 7, 0b1000_0000), coded]);
}

/**
 * RFC 7541 §5.1.
 * @param prefix bits of the first octet that belong to the integer
 * @param pattern the others
 */
export function integer(value: number, prefix: number, pattern: number): Buffer {
  const max = 2 ** prefix - 1;
  if (value < max) return Buffer.of(pattern | value);
  const octets = [pattern | max];
  let rest = value - max;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) octets.push((rest % 0x80) | 0x80);
  return Buffer.of(...octets, rest);
}
