import type { Stream } from "../stream/stream.ts";
import type { FramedMessage } from "./message-reader.ts";

/** The requests of a stream that its handler has not asked for yet; the stream's window bounds them. */
export class RequestQueue {
  readonly #stream: Stream;
  #messages: FramedMessage[] = [];
  #heldBytes = 0;
  #isEnded = false;
  #failure: Error | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  push(message: FramedMessage): void {
    this.#messages.push(message);
    this.#wake();
  }

  /** Bytes of the messages pushed last, which keep the window closed until the handler has caught up. */
  hold(bytes: number): void {
    this.#heldBytes += bytes;
    if (this.#messages.length === 0) this.#letGo();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  /** From now on `next` rejects, whatever came before: it must not pass for all of it. */
  fail(failure: Error): void {
    this.#failure = failure;
    this.#messages = [];
    this.#wake();
  }

  /** @returns undefined at the end */
  async next(): Promise<FramedMessage | undefined> {
    while (this.#messages.length === 0 && !this.#isEnded && this.#failure === undefined) {
      this.#waiting ??= Promise.withResolvers();
      await this.#waiting.promise;
    }
    if (this.#failure !== undefined) throw this.#failure;
    const message = this.#messages.shift();
    if (this.#messages.length === 0) this.#letGo();
    return message;
  }

  #letGo(): void {
    const bytes = this.#heldBytes;
    this.#heldBytes = 0;
    if (bytes > 0 && !this.#stream.isOver) this.#stream.consumed(bytes);
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
