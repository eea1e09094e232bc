import { writeInteger } from "./integers.ts";
import { staticTable } from "./static-table.ts";
import { textBytesMax, writeText } from "./text.ts";

/** A literal's first octet, RFC 7541 §6.2: its pattern, and the largest value of its prefix. */
interface LiteralForm {
  readonly pattern: number;
  readonly prefixMax: number;
}

export const withIndexing: LiteralForm = { pattern: 0x40, prefixMax: 0x3f };
export const withoutIndexing: LiteralForm = { pattern: 0x00, prefixMax: 0x0f };
export const neverIndexed: LiteralForm = { pattern: 0x10, prefixMax: 0x0f };

/** For blocks, which are written without a pause, one after the other. */
let scratch = Buffer.allocUnsafeSlow(1024);

/** Puts the representations of one block together, RFC 7541 §6. */
export class BlockWriter {
  #length = 0;

  indexed(index: number): void {
    this.#reserve(6);
    this.#length = writeInteger(scratch, this.#length, 0x80, 0x7f, index);
  }

  sizeUpdate(maxBytes: number): void {
    this.#reserve(6);
    this.#length = writeInteger(scratch, this.#length, 0x20, 0x1f, maxBytes);
  }

  literal({ pattern, prefixMax }: LiteralForm, nameIndex: number, name: string, value: string): void {
    this.#reserve(6 + textBytesMax(name) + textBytesMax(value));
    this.#length = writeInteger(scratch, this.#length, pattern, prefixMax, nameIndex);
    if (nameIndex === 0) this.#length = writeText(name, scratch, this.#length);
    this.#length = writeText(value, scratch, this.#length);
  }

  bytes(): Buffer {
    return Buffer.from(scratch.subarray(0, this.#length));
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= scratch.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(scratch.length * 2, this.#length + bytes));
    scratch.copy(larger, 0, 0, this.#length);
    scratch = larger;
  }
}

/** By name, the first index. */
export const staticNames = new Map<string, number>();
/** By name and value, the index. */
const staticPairs = new Map<string, Map<string, number>>();
for (const [position, [name, value]] of staticTable.entries()) {
  if (!staticNames.has(name)) {
    staticNames.set(name, position + 1);
    staticPairs.set(name, new Map());
  }
  staticPairs.get(name)?.set(value, position + 1);
}

/** @returns 0 when there is none */
export function staticIndex(name: string, value: string): number {
  return staticPairs.get(name)?.get(value) ?? 0;
}
