import { HeaderField } from "./header-field.ts";

const slotsAtFirst = 8;

/** What a slot holds that holds nothing, so that all slots hold the same kind of thing. */
const noField = new HeaderField("", "");

/**
 * The fields that came last, RFC 7541 §2.3.2, in a ring that grows as they come: an idle connection has none. Evicted
 * fields are let go at once, for the ring has more room in slots than the table has in bytes.
 */
export class DynamicTable {
  #slots: HeaderField[] = [];
  /** Where the next field goes. */
  #head = 0;
  #count = 0;
  #bytes = 0;
  #maxBytes: number;

  /** @param maxBytes of all its fields together, as `HeaderField.size` counts them */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#count;
  }

  /** @param index from 0, the newest, to `count` - 1 */
  at(index: number): HeaderField {
    return this.#slots[(this.#head - 1 - index) & (this.#slots.length - 1)] as HeaderField;
  }

  /** Evicts what must leave to make room; a field that has no room even so leaves the table empty, RFC 7541 §4.4. */
  insert(field: HeaderField): void {
    this.#shrinkTo(this.#maxBytes - field.size);
    if (field.size > this.#maxBytes) return;
    if (this.#count === this.#slots.length) this.#grow();
    this.#slots[this.#head] = field;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#count++;
    this.#bytes += field.size;
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#shrinkTo(maxBytes);
  }

  #shrinkTo(bytes: number): void {
    while (this.#bytes > bytes && this.#count > 0) {
      const oldest = (this.#head - this.#count) & (this.#slots.length - 1);
      this.#bytes -= (this.#slots[oldest] as HeaderField).size;
      this.#slots[oldest] = noField;
      this.#count--;
    }
  }

  /** To twice the slots: a power of two, so that a mask takes a position around. */
  #grow(): void {
    const slots = new Array<HeaderField>(Math.max(this.#slots.length * 2, slotsAtFirst)).fill(noField);
    for (let index = 0; index < this.#count; index++) slots[this.#count - 1 - index] = this.at(index);
    this.#slots = slots;
    this.#head = this.#count;
  }
}
