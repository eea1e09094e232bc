import { RpcError } from "../status.ts";
import { ByteQueue } from "../stream/byte-queue.ts";
import type { RequestStream } from "../stream/stream-handler.ts";
import { type FramedMessage, MessageReader, type MessageSink } from "./message-reader.ts";

/** Of what waited, made messages at once: as much as a frame brings. */
const readBytes = 16_384;

/**
 * The requests of a stream that its handler has not asked for yet. They wait as bytes, for which the stream's window is
 * the bound: as messages, the small ones would take many times as much.
 */
export class RequestQueue implements MessageSink {
  readonly #stream: RequestStream;
  readonly #reader: MessageReader;
  readonly #bytes = new ByteQueue();
  /** Those of one frame at most. */
  #messages: FramedMessage[] = [];
  /** Of these; they keep the window closed until the handler has caught up. */
  #heldBytes = 0;
  #isEnded = false;
  #failure: Error | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(stream: RequestStream, messageMaxBytes: number) {
    this.#stream = stream;
    this.#reader = new MessageReader(messageMaxBytes);
  }

  push(bytes: Buffer, start: number, end: number): void {
    if (this.#failure !== undefined) {
      this.#consumed(end - start);
    } else if (this.#messages.length > 0 || this.#bytes.bytes > 0) {
      this.#bytes.push(bytes.subarray(start, end));
    } else {
      this.#read(bytes, start, end);
    }
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  /** From now on `next` rejects, whatever came before: it must not pass for all of it. */
  fail(failure: Error): void {
    this.#failure = failure;
    this.#consumed(this.#heldBytes + this.#bytes.bytes);
    this.#heldBytes = 0;
    this.#messages = [];
    this.#bytes.clear();
    this.#wake();
  }

  /**
   * @returns undefined at the end
   * @throws RpcError when the call is cut off, or what came is no message
   */
  async next(): Promise<FramedMessage | undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const message = this.#messages.shift();
      if (this.#messages.length === 0) this.#letGo();
      if (message !== undefined) return message;
      if (this.#bytes.bytes > 0) this.#readOn();
      else if (!this.#isEnded) await this.#arrival();
      else if (this.#reader.partialBytes === 0) return undefined;
      else throw endsWithin();
    }
  }

  #readOn(): void {
    const length = Math.min(this.#bytes.bytes, readBytes);
    const bytes = Buffer.allocUnsafeSlow(length);
    this.#bytes.take(length, bytes, 0);
    this.#read(bytes, 0, length);
  }

  /** Makes messages of bytes; the handler has caught up with those before. */
  #read(bytes: Buffer, start: number, end: number): void {
    this.#heldBytes = end - start;
    try {
      this.#reader.push(bytes, start, end, this);
      if (!this.#stream.retain(this.#reader.partialBytes)) throw tooMuchIncomplete();
    } catch (error) {
      this.fail(error as RpcError);
    }
    // A message may be larger than the window: what is not complete must not keep it closed.
    if (this.#messages.length === 0) this.#letGo();
  }

  #letGo(): void {
    this.#consumed(this.#heldBytes);
    this.#heldBytes = 0;
  }

  #consumed(bytes: number): void {
    if (bytes > 0 && !this.#stream.isClosed) this.#stream.consumed(bytes);
  }

  take(message: FramedMessage): void {
    this.#messages.push(message);
  }

  #arrival(): Promise<void> {
    this.#waiting ??= Promise.withResolvers();
    return this.#waiting.promise;
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}

export function tooMuchIncomplete(): RpcError {
  return new RpcError(
    "RESOURCE_EXHAUSTED",
    "too much of this connection's requests is not complete: send fewer at once",
  );
}

export function endsWithin(): RpcError {
  return new RpcError("INTERNAL", "the request ends within a message");
}
