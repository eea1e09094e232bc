import { ConnectionError, frameHeadBytes, framePayloadMaxBytes } from "./frame.ts";

/** Takes one frame at a time; its payload is `bytes` from `start` to `end`, and is nobody else's. */
export interface FrameSink {
  /** @throws ConnectionError when the connection cannot go on */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
}

/** The first bytes of a client. Source: RFC 9113 §3.4. */
export const clientPreface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/**
 * Finds the frames in what a client sends, however it is cut into chunks. A frame that is whole within a chunk is
 * handed on where it lies; only one that is cut apart is copied together.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  /** Since the beginning. */
  framesRead = 0;
  #prefaceRead = 0;
  /** A frame that is not complete yet: first its head, then room for all of it. */
  #partial: Buffer | undefined;
  #partialLength = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Whether the client's preface is still to come. */
  get awaitsPreface(): boolean {
    return this.#prefaceRead < clientPreface.length;
  }

  /** Whether the client has begun a frame and not ended it. */
  get isWithinFrame(): boolean {
    return this.#partial !== undefined;
  }

  /**
   * @param chunk the next bytes; ours from now on
   * @throws ConnectionError of its own finding or the sink's; the reader is of no use afterwards
   */
  push(chunk: Buffer): void {
    let at = this.awaitsPreface ? this.#readPreface(chunk) : 0;
    if (this.#partial !== undefined) at = this.#complete(chunk, at);
    while (chunk.length - at >= frameHeadBytes) {
      const end = at + frameHeadBytes + payloadLength(chunk, at);
      if (end > chunk.length) break;
      this.#hand(chunk, at, end);
      at = end;
    }
    if (at < chunk.length) this.#keep(chunk, at);
  }

  #readPreface(chunk: Buffer): number {
    const length = Math.min(clientPreface.length - this.#prefaceRead, chunk.length);
    if (clientPreface.compare(chunk, 0, length, this.#prefaceRead, this.#prefaceRead + length) !== 0) {
      throw new ConnectionError("PROTOCOL_ERROR", "this is not the preface of HTTP/2");
    }
    this.#prefaceRead += length;
    return length;
  }

  #hand(bytes: Buffer, at: number, end: number): void {
    this.framesRead += 1;
    this.#sink.frame(
      bytes[at + 3] as number,
      bytes[at + 4] as number,
      bytes.readInt32BE(at + 5) & 0x7fffffff,
      bytes,
      at + frameHeadBytes,
      end,
    );
  }

  /** Begins a frame with the end of a chunk. */
  #keep(chunk: Buffer, at: number): void {
    const length = chunk.length - at;
    const size = length < frameHeadBytes ? frameHeadBytes : frameHeadBytes + payloadLength(chunk, at);
    // Not of the shared pool, of which a few bytes would keep much: some never send the rest.
    this.#partial = Buffer.allocUnsafeSlow(size);
    this.#partialLength = chunk.copy(this.#partial, 0, at);
  }

  /** Adds to the frame that was begun, as much as belongs to it. @returns where in the chunk the next one begins */
  #complete(chunk: Buffer, from: number): number {
    let at = from;
    let partial = this.#partial as Buffer;
    if (this.#partialLength < frameHeadBytes) {
      at += this.#fill(partial, chunk, at, frameHeadBytes);
      if (this.#partialLength < frameHeadBytes) return at;
      const whole = Buffer.allocUnsafeSlow(frameHeadBytes + payloadLength(partial, 0));
      partial.copy(whole, 0, 0, frameHeadBytes);
      this.#partial = partial = whole;
    }
    at += this.#fill(partial, chunk, at, partial.length);
    if (this.#partialLength < partial.length) return at;
    this.#partial = undefined;
    this.#partialLength = 0;
    this.#hand(partial, 0, partial.length);
    return at;
  }

  #fill(partial: Buffer, chunk: Buffer, at: number, upTo: number): number {
    const length = Math.min(upTo - this.#partialLength, chunk.length - at);
    chunk.copy(partial, this.#partialLength, at, at + length);
    this.#partialLength += length;
    return length;
  }
}

/** @throws ConnectionError FRAME_SIZE_ERROR (§4.2) as soon as the head is there */
function payloadLength(bytes: Buffer, at: number): number {
  const length = ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
  if (length > framePayloadMaxBytes) {
    throw new ConnectionError("FRAME_SIZE_ERROR", `a frame of ${length} bytes; the limit is ${framePayloadMaxBytes}`);
  }
  return length;
}
