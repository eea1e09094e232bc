import { DynamicTable } from "./dynamic-table.ts";
import { type Classify, fieldOverheadBytes, HeaderField } from "./header-field.ts";
import { HpackError } from "./hpack-error.ts";
import { type Cursor, readInteger } from "./integers.ts";
import { pathByName } from "./known-paths.ts";
import { type SharedFields, sharedFields } from "./shared-fields.ts";
import { readText, skipText } from "./text.ts";

export interface HpackDecoderOptions {
  /** The SETTINGS_HEADER_TABLE_SIZE that we announce. */
  readonly tableMaxBytes: number;
  /** Beyond it, a block's fields are counted and no longer listed. */
  readonly listMaxBytes: number;
  readonly classify: Classify;
}

/** SETTINGS_HEADER_TABLE_SIZE that holds until a peer has acknowledged another, RFC 9113 §6.5.2. */
const initialTableMaxBytes = 4096;

/** Indexes of the dynamic table start here, RFC 7541 §2.3.3. */
const dynamicIndexMin = 62;

/** Reads the header blocks of one connection, RFC 7541, in the order in which they come. */
export class HpackDecoder {
  readonly #tableMaxBytes: number;
  readonly #listMaxBytes: number;
  readonly #classify: Classify;
  readonly #shared: SharedFields;
  readonly #dynamic = new DynamicTable(initialTableMaxBytes);
  /** The largest size that an update may ask for. */
  #updateMaxBytes: number;
  /** Whether the next block must begin with an update. */
  #updateDue = false;

  constructor({ tableMaxBytes, listMaxBytes, classify }: HpackDecoderOptions) {
    this.#tableMaxBytes = tableMaxBytes;
    this.#listMaxBytes = listMaxBytes;
    this.#classify = classify;
    this.#shared = sharedFields(classify);
    this.#updateMaxBytes = Math.max(tableMaxBytes, initialTableMaxBytes);
  }

  /**
   * The peer has acknowledged our SETTINGS: from now on `tableMaxBytes` holds, and if its table may be larger, the next
   * block has to make it smaller first. Source: RFC 7541 §4.2.
   */
  settingsAcknowledged(): void {
    this.#updateMaxBytes = this.#tableMaxBytes;
    this.#updateDue = this.#dynamic.maxBytes > this.#tableMaxBytes;
  }

  /**
   * Reads a whole block, which is `block` from `start` to `end`.
   * @param fields where its fields are appended, as long as they are within `listMaxBytes`
   * @returns the size of the list, RFC 9113 §10.5.1; more than `listMaxBytes`: fields are missing, but later blocks can
   *   be read all the same
   * @throws HpackError when the block breaks RFC 7541; the decoder is of no use afterwards
   */
  decode(block: Uint8Array, start: number, end: number, fields: HeaderField[]): number {
    const cursor = shared;
    cursor.bytes = block;
    cursor.position = start;
    cursor.end = end;
    this.#readUpdates(cursor);
    let listBytes = 0;
    while (cursor.position < end) {
      const first = block[cursor.position++] as number;
      const left = this.#listMaxBytes - listBytes;
      if (left <= 0 && first < sizeUpdate) {
        listBytes += this.#skipLiteral(cursor, first); // neither the list nor the table will have it
        continue;
      }
      const field = this.#readField(cursor, first);
      listBytes += field.size;
      if (field.size > left) continue;
      this.#classifyOnce(field);
      fields.push(field);
    }
    return listBytes;
  }

  #classifyOnce(field: HeaderField): void {
    if (field.classified) return;
    field.classified = true;
    this.#classify(field);
  }

  /** Dynamic table size updates, RFC 7541 §6.3: only before the first field. */
  #readUpdates(cursor: Cursor): void {
    while (cursor.position < cursor.end) {
      const first = cursor.bytes[cursor.position] as number;
      if (first < sizeUpdate || first >= literalIndexed) break;
      cursor.position++;
      const maxBytes = readInteger(cursor, first, sizeUpdate - 1);
      if (maxBytes > this.#updateMaxBytes) {
        throw new HpackError(`an update asks for a table of ${maxBytes} bytes, limit ${this.#updateMaxBytes}`);
      }
      this.#dynamic.resize(maxBytes);
      this.#updateDue &&= maxBytes > this.#tableMaxBytes;
    }
    if (this.#updateDue) {
      throw new HpackError(`the block does not begin by making the table at most ${this.#tableMaxBytes} bytes`);
    }
  }

  #readField(cursor: Cursor, first: number): HeaderField {
    if (first >= indexed) return this.#fieldAt(readInteger(cursor, first, indexed - 1));
    if (first === pathByName) return this.#readPath(cursor);
    if (first < sizeUpdate) return this.#readLiteral(cursor, readInteger(cursor, first, literalPrefixMax));
    if (first < literalIndexed) throw new HpackError("an update of the table's size is not at its block's beginning");
    const field = this.#readLiteral(cursor, readInteger(cursor, first, literalIndexed - 1));
    this.#dynamic.insert(field);
    return field;
  }

  #readLiteral(cursor: Cursor, nameIndex: number): HeaderField {
    const name = nameIndex === 0 ? readText(cursor) : this.#fieldAt(nameIndex).name;
    return new HeaderField(name, readText(cursor));
  }

  /** One that has a meaning comes again: its field is kept for all connections. */
  #readPath(cursor: Cursor): HeaderField {
    const { paths } = this.#shared;
    const known = paths.read(cursor);
    if (known !== undefined) return known;
    const start = cursor.position;
    const field = this.#readLiteral(cursor, pathByName);
    this.#classifyOnce(field);
    if (field.meaning !== undefined) paths.add(Uint8Array.from(cursor.bytes.subarray(start, cursor.position)), field);
    return field;
  }

  /** Reads a literal that is not for the table, without making strings of it. */
  #skipLiteral(cursor: Cursor, first: number): number {
    const nameIndex = readInteger(cursor, first, literalPrefixMax);
    const nameBytes = nameIndex === 0 ? skipText(cursor) : this.#fieldAt(nameIndex).name.length;
    return nameBytes + skipText(cursor) + fieldOverheadBytes;
  }

  #fieldAt(index: number): HeaderField {
    if (index === 0) throw new HpackError("index 0 names no field");
    if (index < dynamicIndexMin) return this.#shared.statics[index] as HeaderField;
    const age = index - dynamicIndexMin;
    if (age < this.#dynamic.count) return this.#dynamic.at(age);
    const last = dynamicIndexMin - 1 + this.#dynamic.count;
    throw new HpackError(`index ${index} is beyond the tables, which end at ${last}`);
  }
}

/** The first octet of a representation, RFC 7541 §6: the highest bit that is set says which it is; below, its prefix. */
const indexed = 0x80;
const literalIndexed = 0x40;
const sizeUpdate = 0x20;
/** Of a literal that is not put in the table, whether it may ever be or not. */
const literalPrefixMax = 0x0f;

/** One for all decoders: a block is read without a pause. */
const shared: Cursor = { bytes: new Uint8Array(0), position: 0, end: 0 };
