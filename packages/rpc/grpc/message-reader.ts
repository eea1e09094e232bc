import { RpcError } from "../status.ts";
import { messageTooLarge } from "./compression.ts";

const prefixBytes = 5;

export interface FramedMessage {
  readonly bytes: Buffer;
  readonly isCompressed: boolean;
}

/**
 * Finds the length-prefixed messages of one request stream, however they are cut.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests
 */
export class MessageReader {
  readonly #maxBytes: number;
  /** Of a message that is not complete: memory is used as bytes come, not as its prefix promises. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  /** Of that message, its prefix included; 0: the prefix is not complete either. */
  #wholeBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of a message that is not complete. */
  get partialBytes(): number {
    return this.#pieceBytes;
  }

  /**
   * @param take gets each message that is complete now
   * @throws RpcError RESOURCE_EXHAUSTED, or INTERNAL for a prefix that is none
   */
  push(bytes: Buffer, start: number, end: number, take: (message: FramedMessage) => void): void {
    for (let at = start; at < end; ) {
      const length = this.#pieceBytes === 0 && end - at >= prefixBytes ? this.#wholeLength(bytes, at) : undefined;
      if (length !== undefined && at + length <= end) {
        take(messageOf(bytes, at, at + length));
        at += length;
      } else {
        at = this.#gather(bytes, at, end, take);
      }
    }
  }

  /** Adds to the message that is not complete, up to the end of its prefix or its own. @returns where that is */
  #gather(bytes: Buffer, at: number, end: number, take: (message: FramedMessage) => void): number {
    const upTo = this.#wholeBytes === 0 ? prefixBytes : this.#wholeBytes;
    const to = Math.min(end, at + upTo - this.#pieceBytes);
    this.#pieces.push(bytes.subarray(at, to));
    this.#pieceBytes += to - at;
    if (this.#wholeBytes === 0 && this.#pieceBytes === prefixBytes) {
      this.#wholeBytes = this.#wholeLength(Buffer.concat(this.#pieces), 0);
    }
    if (this.#pieceBytes === this.#wholeBytes) {
      const whole = Buffer.concat(this.#pieces);
      this.#pieces = [];
      this.#pieceBytes = 0;
      this.#wholeBytes = 0;
      take(messageOf(whole, 0, whole.length));
    }
    return to;
  }

  #wholeLength(bytes: Buffer, at: number): number {
    const flag = bytes[at] as number;
    if (flag > 1) throw new RpcError("INTERNAL", `a message begins with ${flag}, neither 0 nor 1 (compressed)`);
    const length = bytes.readUInt32BE(at + 1);
    if (length > this.#maxBytes) throw messageTooLarge(this.#maxBytes);
    return prefixBytes + length;
  }
}

function messageOf(bytes: Buffer, start: number, end: number): FramedMessage {
  return { bytes: bytes.subarray(start + prefixBytes, end), isCompressed: bytes[start] === 1 };
}
