import { RpcError } from "../status.ts";
import { MessageTooLarge } from "./compression.ts";

const prefixBytes = 5;
const nothing = Buffer.alloc(0);

export interface FramedMessage {
  readonly bytes: Buffer;
  readonly isCompressed: boolean;
}

export interface MessageSink {
  take(message: FramedMessage): void;
}

/**
 * As nearly all requests come: one message, whole.
 * @returns undefined when it is anything else
 * @throws as MessageReader.push
 */
export function soleMessage(bytes: Buffer, start: number, end: number, maxBytes: number): FramedMessage | undefined {
  if (end - start < prefixBytes || wholeLength(bytes, start, maxBytes) !== end - start) return undefined;
  return messageOf(bytes, start, end);
}

/**
 * Finds the length-prefixed messages of one request stream, however they are cut.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
 */
export class MessageReader {
  readonly #maxBytes: number;
  /** A message that is not complete: room for it grows as bytes come, not as its prefix promises. */
  #partial: Buffer = nothing;
  #partialBytes = 0;
  /** Of that message, its prefix included; 0: the prefix is not complete either. */
  #wholeBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of a message that is not complete. */
  get partialBytes(): number {
    return this.#partialBytes;
  }

  /**
   * @param sink gets each message that is complete now
   * @throws RpcError RESOURCE_EXHAUSTED, or INTERNAL for a prefix that is none
   */
  push(bytes: Buffer, start: number, end: number, sink: MessageSink): void {
    for (let at = start; at < end; ) {
      const length =
        this.#partialBytes === 0 && end - at >= prefixBytes ? wholeLength(bytes, at, this.#maxBytes) : undefined;
      if (length !== undefined && at + length <= end) {
        sink.take(messageOf(bytes, at, at + length));
        at += length;
      } else {
        at = this.#gather(bytes, at, end, sink);
      }
    }
  }

  /** Adds to the message that is not complete, up to the end of its prefix or its own. @returns where that is */
  #gather(bytes: Buffer, at: number, end: number, sink: MessageSink): number {
    const upTo = this.#wholeBytes === 0 ? prefixBytes : this.#wholeBytes;
    const to = Math.min(end, at + upTo - this.#partialBytes);
    this.#makeRoom(to - at);
    bytes.copy(this.#partial, this.#partialBytes, at, to);
    this.#partialBytes += to - at;
    if (this.#wholeBytes === 0 && this.#partialBytes === prefixBytes) {
      this.#wholeBytes = wholeLength(this.#partial, 0, this.#maxBytes);
    }
    if (this.#partialBytes === this.#wholeBytes) {
      const whole = this.#partial;
      this.#partial = nothing;
      this.#partialBytes = 0;
      this.#wholeBytes = 0;
      sink.take(messageOf(whole, 0, whole.length));
    }
    return to;
  }

  /** Twice as much each time, so that all the copying together is about the message once more. */
  #makeRoom(bytes: number): void {
    const needed = this.#partialBytes + bytes;
    if (needed <= this.#partial.length) return;
    const most = this.#wholeBytes === 0 ? prefixBytes : this.#wholeBytes;
    const room = Buffer.allocUnsafeSlow(Math.min(most, Math.max(needed, 2 * this.#partial.length)));
    this.#partial.copy(room, 0, 0, this.#partialBytes);
    this.#partial = room;
  }
}

/** @returns bytes of the message, its prefix included */
function wholeLength(bytes: Buffer, at: number, maxBytes: number): number {
  const flag = bytes[at] as number;
  if (flag > 1) throw new RpcError("INTERNAL", `a message begins with ${flag}, neither 0 nor 1 (compressed)`);
  const length = bytes.readUInt32BE(at + 1);
  if (length > maxBytes) throw new MessageTooLarge(maxBytes);
  return prefixBytes + length;
}

function messageOf(bytes: Buffer, start: number, end: number): FramedMessage {
  return { bytes: bytes.subarray(start + prefixBytes, end), isCompressed: bytes[start] === 1 };
}
