import { crc32c } from "@platformatic/kafka";
import type { BroadcastRecord, ProducedRecord } from "./produced-record.ts";

type BatchedRecord = BroadcastRecord & Partial<Pick<ProducedRecord, "key">>;

const headerBytes = 61;
/** The checksum is of what follows it. */
const checkedFrom = 21;
const magic = 2;
/** In place of a leader's epoch, which brokers write themselves; and of a producer's id, epoch and sequence. */
const none = -1;

/**
 * Records as brokers keep them: one batch, not compressed, in one buffer.
 * @param nowMs timestamp of all of them, ms since 1970
 * Source: kafka.apache.org/documentation/#recordbatch
 */
export function encodeBatch(records: readonly BatchedRecord[], nowMs: number): Buffer {
  const lengths = records.map(lengthOf);
  const total = lengths.reduce((sum, length) => sum + varintLength(length) + length, headerBytes);
  const batch = Buffer.allocUnsafe(total);
  const writer = new RecordWriter(batch, headerBytes);
  for (const [index, record] of records.entries()) {
    writer.varint(lengths[index] as number);
    writer.record(record, index);
  }
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(total - 12, 8);
  batch.writeInt32BE(none, 12);
  batch.writeInt8(magic, 16);
  batch.writeInt16BE(0, 21);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(nowMs), 27);
  batch.writeBigInt64BE(BigInt(nowMs), 35);
  batch.writeBigInt64BE(BigInt(none), 43);
  batch.writeInt16BE(none, 51);
  batch.writeInt32BE(none, 53);
  batch.writeInt32BE(records.length, 57);
  batch.writeUInt32BE(crc32c(batch.subarray(checkedFrom)), 17);
  return batch;
}

/** Of a record without the length before it: attributes, timestamp, place in the batch, key, value, headers. */
function lengthOf({ key, value, headers }: BatchedRecord, index: number): number {
  let length = 2 + varintLength(index) + bytesLength(key) + bytesLength(value) + varintLength(headers.size);
  for (const [name, content] of headers) length += bytesLength(name) + bytesLength(content);
  return length;
}

function bytesLength(bytes: Buffer | undefined): number {
  return bytes === undefined ? varintLength(none) : varintLength(bytes.length) + bytes.length;
}

/** Of a number of 31 bits and its sign, in groups of seven bits. */
function varintLength(value: number): number {
  const zigzag = zigzagOf(value);
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x200000) return 3;
  return zigzag < 0x10000000 ? 4 : 5;
}

function zigzagOf(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

class RecordWriter {
  readonly #batch: Buffer;
  #at: number;

  constructor(batch: Buffer, at: number) {
    this.#batch = batch;
    this.#at = at;
  }

  record({ key, value, headers }: BatchedRecord, index: number): void {
    // Attributes, which records have none of, and the time since the batch's first record.
    this.#batch[this.#at++] = 0;
    this.#batch[this.#at++] = 0;
    this.varint(index);
    this.#bytes(key);
    this.#bytes(value);
    this.varint(headers.size);
    for (const [name, content] of headers) {
      this.#bytes(name);
      this.#bytes(content);
    }
  }

  varint(value: number): void {
    let rest = zigzagOf(value);
    for (; rest >= 0x80; rest >>>= 7) this.#batch[this.#at++] = (rest & 0x7f) | 0x80;
    this.#batch[this.#at++] = rest;
  }

  #bytes(bytes: Buffer | undefined): void {
    this.varint(bytes?.length ?? none);
    if (bytes === undefined) return;
    this.#batch.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}
