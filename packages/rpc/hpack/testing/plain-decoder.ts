import type { HeaderPair } from "../encoder.ts";
import { huffmanCodes, huffmanLengths } from "../huffman-code.ts";
import { staticTable } from "../static-table.ts";

/** A block that breaks RFC 7541. */
export class PlainError extends Error {
  override readonly name = "PlainError";
}

/**
 * RFC 7541 once more, as plainly as can be, to compare with: bits are characters, tables are lists, and a list's fields
 * are all kept.
 */
export class PlainDecoder {
  #maxBytes = 4096;
  #dynamic: HeaderPair[] = [];
  #block: number[] = [];

  /** Newest first. */
  get dynamicTable(): readonly HeaderPair[] {
    return this.#dynamic;
  }

  /** @throws PlainError */
  decode(block: Uint8Array): HeaderPair[] {
    this.#block = [...block];
    const fields: HeaderPair[] = [];
    let updatesAllowed = true;
    while (this.#block.length > 0) {
      const bits = bitsOf(this.#block[0] as number, 8);
      if (bits.startsWith("001")) {
        if (!updatesAllowed) throw new PlainError("late update");
        this.#resize(this.#integer(5));
        continue;
      }
      updatesAllowed = false;
      if (bits.startsWith("1")) fields.push(this.#entry(this.#integer(7)));
      else if (bits.startsWith("01")) fields.push(this.#remember(this.#literal(6)));
      else fields.push(this.#literal(4));
    }
    return fields;
  }

  #literal(prefixBits: number): HeaderPair {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#text() : this.#entry(index)[0];
    return [name, this.#text()];
  }

  #entry(index: number): HeaderPair {
    const entry = [...staticTable, ...this.#dynamic][index - 1];
    if (entry === undefined) throw new PlainError("no such index");
    return entry;
  }

  #remember(field: HeaderPair): HeaderPair {
    this.#dynamic = [field, ...this.#dynamic];
    this.#evict();
    return field;
  }

  #resize(maxBytes: number): void {
    if (maxBytes > 4096) throw new PlainError("too large a table");
    this.#maxBytes = maxBytes;
    this.#evict();
  }

  #evict(): void {
    while (plainSize(this.#dynamic) > this.#maxBytes) this.#dynamic = this.#dynamic.slice(0, -1);
  }

  #octet(): number {
    const octet = this.#block.shift();
    if (octet === undefined) throw new PlainError("the end");
    return octet;
  }

  #integer(prefixBits: number): number {
    const prefix = this.#octet() % 2 ** prefixBits;
    if (prefix < 2 ** prefixBits - 1) return prefix;
    let value = prefix;
    for (let shift = 0; shift < 28; shift += 7) {
      const octet = this.#octet();
      value += (octet % 128) * 2 ** shift;
      if (octet < 128) return value;
    }
    throw new PlainError("too long an integer");
  }

  #text(): string {
    const isCoded = (this.#block[0] ?? 0) >= 128;
    const length = this.#integer(7);
    if (length > this.#block.length) throw new PlainError("the end");
    const octets = this.#block.splice(0, length);
    return isCoded ? decodeBits(octets.map((octet) => bitsOf(octet, 8)).join("")) : String.fromCharCode(...octets);
  }
}

/** RFC 7541 §4.1. */
export function plainSize(fields: readonly HeaderPair[]): number {
  return fields.reduce((bytes, [name, value]) => bytes + name.length + value.length + 32, 0);
}

const symbols = new Map(
  huffmanCodes.map((code, symbol) => [bitsOf(code, huffmanLengths[symbol] as number), symbol] as const),
);

function decodeBits(bits: string): string {
  let text = "";
  let code = "";
  for (const bit of bits) {
    code += bit;
    const symbol = symbols.get(code);
    if (symbol === undefined) continue;
    if (symbol === 256) throw new PlainError("EOS");
    text += String.fromCharCode(symbol);
    code = "";
  }
  if (code.length > 7 || code.includes("0")) throw new PlainError("padding");
  return text;
}

function bitsOf(value: number, length: number): string {
  return value.toString(2).padStart(length, "0");
}
