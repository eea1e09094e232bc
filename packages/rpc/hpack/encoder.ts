import { DynamicTable } from "./dynamic-table.ts";
import { HeaderField } from "./header-field.ts";
import { writeInteger } from "./integers.ts";
import { staticTable } from "./static-table.ts";
import { textBytesMax, writeText } from "./text.ts";

/** One character for each byte, as in latin1; the name in lower case. */
export type HeaderPair = readonly [name: string, value: string];

export interface EncodeOptions {
  /** Names of fields that no table may hold, not even a proxy's, RFC 7541 §7.1.3; default `sensitiveNames`. */
  readonly sensitive?: ReadonlySet<string>;
}

export const sensitiveNames: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "proxy-authorization",
  "set-cookie",
]);

/** More than this we keep for no peer, whatever it offers. */
const tableMaxBytes = 4096;

/**
 * A block that depends on no table but the static one, so that it can be built once and sent on every connection.
 * @throws RangeError when a character is not a byte
 */
export function encodeStateless(
  fields: Iterable<HeaderPair>,
  { sensitive = sensitiveNames }: EncodeOptions = {},
): Buffer {
  const block = new BlockWriter();
  for (const [name, value] of fields) {
    const index = sensitive.has(name) ? 0 : staticIndex(name, value);
    if (index > 0) block.indexed(index);
    else block.literal(sensitive.has(name) ? neverIndexed : withoutIndexing, staticNames.get(name) ?? 0, name, value);
  }
  return block.bytes();
}

/** Writes the header blocks of one connection, RFC 7541, in the order in which they are sent. */
export class HpackEncoder {
  readonly #dynamic = new DynamicTable(tableMaxBytes);
  /** Sizes that the peer has to be told at the beginning of the next block: the smallest since the last, and the last. */
  #smallestBytes = tableMaxBytes;
  #maxBytes = tableMaxBytes;

  /** @param peerMaxBytes the peer's SETTINGS_HEADER_TABLE_SIZE */
  setTableMaxBytes(peerMaxBytes: number): void {
    this.#maxBytes = Math.min(peerMaxBytes, tableMaxBytes);
    this.#smallestBytes = Math.min(this.#smallestBytes, this.#maxBytes);
  }

  /** @throws RangeError when a character is not a byte; the encoder is of no use afterwards */
  encode(fields: Iterable<HeaderPair>, { sensitive = sensitiveNames }: EncodeOptions = {}): Buffer {
    const block = new BlockWriter();
    this.#writeUpdates(block);
    for (const [name, value] of fields) this.#write(block, name, value, sensitive.has(name));
    return block.bytes();
  }

  /** RFC 7541 §4.2: the smallest size first, since the peer must evict what we evicted, then the one to stay. */
  #writeUpdates(block: BlockWriter): void {
    if (this.#smallestBytes < this.#dynamic.maxBytes) this.#resize(block, this.#smallestBytes);
    if (this.#maxBytes !== this.#dynamic.maxBytes) this.#resize(block, this.#maxBytes);
    this.#smallestBytes = this.#maxBytes;
  }

  #resize(block: BlockWriter, maxBytes: number): void {
    this.#dynamic.resize(maxBytes);
    block.sizeUpdate(maxBytes);
  }

  #write(block: BlockWriter, name: string, value: string, isSensitive: boolean): void {
    const index = isSensitive ? 0 : staticIndex(name, value) || this.#dynamicIndex(name, value);
    if (index > 0) {
      block.indexed(index);
      return;
    }
    const field = new HeaderField(name, value);
    const form = isSensitive ? neverIndexed : this.#isWorthItsPlace(field) ? withIndexing : withoutIndexing;
    block.literal(form, staticNames.get(name) ?? this.#dynamicIndex(name), name, value);
    if (form === withIndexing) this.#dynamic.insert(field);
  }

  /** One that would drive out most of the others is not. */
  #isWorthItsPlace(field: HeaderField): boolean {
    return field.size <= this.#dynamic.maxBytes / 2;
  }

  /** @returns 0 when there is none */
  #dynamicIndex(name: string, value?: string): number {
    for (let age = 0; age < this.#dynamic.count; age++) {
      const field = this.#dynamic.at(age);
      if (field.name === name && (value === undefined || field.value === value)) return staticTable.length + 1 + age;
    }
    return 0;
  }
}

/** A literal's first octet, RFC 7541 §6.2: its pattern, and the largest value of its prefix. */
interface LiteralForm {
  readonly pattern: number;
  readonly prefixMax: number;
}

const withIndexing: LiteralForm = { pattern: 0x40, prefixMax: 0x3f };
const withoutIndexing: LiteralForm = { pattern: 0x00, prefixMax: 0x0f };
const neverIndexed: LiteralForm = { pattern: 0x10, prefixMax: 0x0f };

/** For blocks, which are written without a pause, one after the other. */
let scratch = Buffer.allocUnsafeSlow(1024);

class BlockWriter {
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

/** By name, the first index; by name and value, its index. */
const staticNames = new Map<string, number>();
const staticPairs = new Map<string, Map<string, number>>();
for (const [position, [name, value]] of staticTable.entries()) {
  if (!staticNames.has(name)) {
    staticNames.set(name, position + 1);
    staticPairs.set(name, new Map());
  }
  staticPairs.get(name)?.set(value, position + 1);
}

/** @returns 0 when there is none */
function staticIndex(name: string, value: string): number {
  return staticPairs.get(name)?.get(value) ?? 0;
}
