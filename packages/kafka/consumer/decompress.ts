import zlib from "node:zlib";
import { compressionsAlgorithmsByBitmask } from "@platformatic/kafka";

/** The content is larger, decompressed, than its limit. */
export class TooLarge extends Error {
  override readonly name = "TooLarge";
}

/** Codecs, by their number in a batch's attributes. Source: kafka.apache.org/documentation/#recordbatch */
const [none, gzip, snappy, lz4, zstd] = [0, 1, 2, 3, 4];

/**
 * Decompresses what a producer compressed, and never more than `maxBytes` of it: 1 MB of zstd may be 900 MB of zeros.
 * @param codec its number in a batch's attributes
 * @throws TooLarge; or any error when it is not compressed like this
 */
export function decompress(codec: number, content: Buffer, maxBytes: number): Buffer {
  switch (codec) {
    case none:
      return content;
    case gzip:
      return bounded(maxBytes, () => zlib.gunzipSync(content, { maxOutputLength: maxBytes }));
    case zstd:
      return bounded(maxBytes, () => zlib.zstdDecompressSync(content, { maxOutputLength: maxBytes }));
    // The client's decompressors of these two have no limit; but the compressed form tells the size.
    case snappy:
      return ofSize(snappySize(content), maxBytes, codec, content);
    case lz4:
      return ofSize(lz4Size(content, maxBytes), maxBytes, codec, content);
    default:
      throw new RangeError(`codec ${codec} is none of Kafka's`);
  }
}

function bounded(maxBytes: number, run: () => Buffer): Buffer {
  try {
    return run();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(maxBytes);
    throw error;
  }
}

function ofSize(size: number, maxBytes: number, codec: number, content: Buffer): Buffer {
  if (size > maxBytes) throw tooLarge(maxBytes);
  const algorithm = compressionsAlgorithmsByBitmask[codec];
  if (algorithm === undefined) throw new RangeError(`codec ${codec} is none of Kafka's`);
  return algorithm.decompressSync(content);
}

function tooLarge(maxBytes: number): TooLarge {
  return new TooLarge(`becomes more than ${maxBytes} bytes when it is decompressed`);
}

/** Java's producers put blocks of snappy into a frame of their own. Source: github.com/xerial/snappy-java, SnappyFramed */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const xerialHeaderBytes = 16;

/** Each block begins with its decompressed size. Source: github.com/google/snappy/blob/main/format_description.txt */
function snappySize(content: Buffer): number {
  if (!content.subarray(0, xerialMagic.length).equals(xerialMagic)) return snappyBlockSize(content, 0);
  let size = 0;
  for (let at = xerialHeaderBytes; at < content.length; at += 4 + content.readUInt32BE(at)) {
    size += snappyBlockSize(content, at + 4);
  }
  return size;
}

function snappyBlockSize(content: Buffer, start: number): number {
  let size = 0;
  for (let byte = 0; byte < 5; byte++) {
    const value = content.readUInt8(start + byte);
    size += (value & 0x7f) * 2 ** (7 * byte);
    if (value < 0x80) return size;
  }
  throw new RangeError("snappy: the size of a block has more than 5 bytes");
}

/**
 * Adds up the decompressed sizes of the frame's blocks without decompressing them. Stops beyond `maxBytes`.
 * Source: github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and lz4_Block_format.md
 */
function lz4Size(content: Buffer, maxBytes: number): number {
  if (content.readUInt32LE(0) !== 0x184d2204) throw new RangeError("lz4: no frame");
  const flags = content.readUInt8(4);
  const checksumBytes = flags & 0x10 ? 4 : 0;
  // Flags, block size and the header's checksum; the content's size and the dictionary's id, if present.
  let at = 4 + 3 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0);
  let size = 0;
  while (size <= maxBytes) {
    const word = content.readUInt32LE(at);
    if (word === 0) {
      // A second frame would be decompressed too.
      if (at + 4 + (flags & 0x04 ? 4 : 0) !== content.length) throw new RangeError("lz4: more than one frame");
      break;
    }
    const isCompressed = word < 0x80000000;
    const bytes = isCompressed ? word : word - 0x80000000;
    const end = at + 4 + bytes;
    if (end > content.length) throw new RangeError("lz4: a block ends beyond the frame");
    size += isCompressed ? lz4BlockSize(content, at + 4, end) : bytes;
    at = end + checksumBytes;
  }
  return size;
}

/** A block is a series of sequences: literals, then a match, which copies earlier bytes. The last one has no match. */
function lz4BlockSize(content: Buffer, start: number, end: number): number {
  let at = start;
  let size = 0;
  const lengthOf = (nibble: number): number => {
    let length = nibble;
    if (nibble !== 15) return length;
    for (;;) {
      const more = content.readUInt8(at++);
      length += more;
      if (more !== 255) return length;
    }
  };
  while (at < end) {
    const token = content.readUInt8(at++);
    const literals = lengthOf(token >> 4);
    at += literals;
    size += literals;
    if (at >= end) break;
    at += 2;
    size += 4 + lengthOf(token & 15);
  }
  return size;
}
