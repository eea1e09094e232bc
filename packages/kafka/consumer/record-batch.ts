import { decompress, TooLarge } from "./decompress.ts";

/** A batch of records as it comes from a broker. Source: kafka.apache.org/documentation/#recordbatch */
export interface RecordBatch {
  readonly firstOffset: bigint;
  readonly lastOffset: bigint;
  readonly magic: number;
  readonly attributes: number;
  readonly firstTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly producerId: bigint;
  /** Records, as the batch's header says. */
  readonly count: number;
  /** The records, perhaps compressed. */
  readonly content: Buffer;
}

interface BatchRecord {
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly key: Buffer | undefined;
  /** Empty: also of a tombstone. */
  readonly value: Buffer;
  readonly isTombstone: boolean;
  /** See headersIn. */
  readonly headers: Buffer;
}

/** Parts of a batch's attributes. Source: as above */
const codecBits = 0x07;
const logAppendTime = 0x08;
const transactional = 0x10;
const control = 0x20;

const headBytes = 12;
const headerBytes = 61;

/** The batches that are complete; a broker cuts off the last one where the answer ends. */
export function* batchesIn(bytes: Buffer): Generator<RecordBatch> {
  for (let at = 0; at + headBytes <= bytes.length; ) {
    const end = at + headBytes + bytes.readInt32BE(at + 8);
    if (end > bytes.length || end <= at) return;
    yield batchOf(bytes.subarray(at, end));
    at = end;
  }
}

function batchOf(bytes: Buffer): RecordBatch {
  const firstOffset = bytes.readBigInt64BE(0);
  const magic = bytes.length > 16 ? bytes.readInt8(16) : 0;
  if (magic !== 2 || bytes.length < headerBytes) {
    // Kafka before 0.11: one message each.
    const unknown = { attributes: 0, firstTimestampMs: -1, maxTimestampMs: -1, producerId: -1n };
    return { firstOffset, lastOffset: firstOffset, magic, ...unknown, count: 1, content: bytes };
  }
  return {
    firstOffset,
    lastOffset: firstOffset + BigInt(bytes.readInt32BE(23)),
    magic,
    attributes: bytes.readInt16BE(21),
    firstTimestampMs: Number(bytes.readBigInt64BE(27)),
    maxTimestampMs: Number(bytes.readBigInt64BE(35)),
    producerId: bytes.readBigInt64BE(43),
    count: bytes.readInt32BE(57),
    content: bytes.subarray(headerBytes),
  };
}

export function isTransactional({ attributes }: RecordBatch): boolean {
  return (attributes & transactional) !== 0;
}

/** Whether it is a control batch: the end of its producer's transaction. */
export function isControl({ attributes }: RecordBatch): boolean {
  return (attributes & control) !== 0;
}

/** Whether a control batch commits its transaction; else it aborts it. Source: kafka.apache.org/documentation/#controlbatch */
export function isCommit(batch: RecordBatch): boolean {
  for (const { key } of recordsIn(batch, batch.content)) return key !== undefined && key.readInt16BE(2) === 1;
  return false;
}

type Unpacked =
  | { readonly kind: "content"; readonly content: Buffer }
  | { readonly kind: "unreadable"; readonly why: string };

/** The batch's records, decompressed. @param maxBytes limit of their size */
export function unpack({ magic, attributes, content }: RecordBatch, maxBytes: number): Unpacked {
  if (magic !== 2) return { kind: "unreadable", why: `has format ${magic}, which ended with Kafka 0.11` };
  try {
    return { kind: "content", content: decompress(attributes & codecBits, content, maxBytes) };
  } catch (error) {
    const { message } = error as Error;
    return { kind: "unreadable", why: error instanceof TooLarge ? message : `cannot be decompressed: ${message}` };
  }
}

/**
 * The records, one after the other.
 * @param content see unpack
 * @throws RangeError where it is no record
 */
export function* recordsIn(batch: RecordBatch, content: Buffer): Generator<BatchRecord> {
  const { firstOffset, firstTimestampMs, maxTimestampMs, attributes, count } = batch;
  const reader = new VarintReader(content);
  for (let index = 0; index < count; index++) {
    const end = reader.varint() + reader.at;
    // Attributes of the record: not in use.
    reader.at += 1;
    const timestampMs = firstTimestampMs + reader.varint();
    const offset = firstOffset + BigInt(reader.varint());
    const key = reader.bytes();
    const value = reader.bytes();
    if (reader.at > end || end > content.length) throw new RangeError(`record ${index} ends beyond its batch`);
    const headers = content.subarray(reader.at, end);
    reader.at = end;
    // LogAppendTime: the broker's time is that of all records, and stands in the batch's header alone.
    yield {
      ...{ offset, timestampMs: attributes & logAppendTime ? maxTimestampMs : timestampMs, key, headers },
      ...{ value: value ?? Buffer.alloc(0), isTombstone: value === undefined },
    };
  }
}

/** A record's headers, by name. @throws RangeError where the bytes are no headers */
export function headersIn(bytes: Uint8Array): Readonly<Record<string, string>> {
  const reader = new VarintReader(Buffer.from(bytes));
  const count = reader.varint();
  const headers: [string, string][] = [];
  for (let index = 0; index < count; index++) {
    const [name, value] = [reader.bytes(), reader.bytes()];
    headers.push([String(name ?? ""), String(value ?? "")]);
  }
  return Object.fromEntries(headers);
}

/** Source: kafka.apache.org/protocol#protocol_types, VARINT and VARLONG: groups of seven bits, the sign in the last one. */
class VarintReader {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Exact up to 2^53: lengths, offsets within a batch and times are smaller. */
  varint(): number {
    let value = 0;
    for (let group = 0; group < 10; group++) {
      const byte = this.#bytes.readUInt8(this.at++);
      value += (byte & 0x7f) * 2 ** (7 * group);
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    throw new RangeError("a number has more than 10 bytes");
  }

  /** Bytes after their length; undefined: null. */
  bytes(): Buffer | undefined {
    const length = this.varint();
    if (length < 0) return undefined;
    const start = this.at;
    this.at += length;
    if (this.at > this.#bytes.length) throw new RangeError("bytes end beyond the batch");
    return this.#bytes.subarray(start, this.at);
  }
}
