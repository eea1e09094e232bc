import { BlockWriter, neverIndexed, staticIndex, staticNames, withIndexing, withoutIndexing } from "../block-writer.ts";
import { DynamicTable } from "../dynamic-table.ts";
import { type EncodeOptions, type HeaderPair, sensitiveNames } from "../encoder.ts";
import { HeaderField } from "../header-field.ts";
import { staticTable } from "../static-table.ts";

/** More than this is kept for no peer, whatever it offers. */
const tableMaxBytes = 4096;

/** Writes the header blocks of one connection as clients do, RFC 7541: with a table, in the order in which they are sent. */
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
