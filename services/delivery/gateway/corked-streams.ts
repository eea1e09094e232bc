import type { Writable } from "node:stream";

/**
 * Streams whose writes of the next two turns of the event loop go out in one: whatever made somebody write to many sockets often
 * makes push write to them a turn later.
 */
export class CorkedStreams {
  readonly #nextTurn: (run: () => void) => void;
  #streams: Writable[] = [];

  /** @param nextTurn puts a run off to the next turn of the event loop; default: Node's own */
  constructor(nextTurn: (run: () => void) => void = setImmediate) {
    this.#nextTurn = nextTurn;
  }

  /** What is written to the stream waits, for two turns at most. */
  cork(stream: Writable): void {
    stream.cork();
    this.#streams.push(stream);
    if (this.#streams.length === 1) this.#nextTurn(() => this.#nextTurn(() => this.#uncork()));
  }

  #uncork(): void {
    const streams = this.#streams;
    this.#streams = [];
    for (const stream of streams) stream.uncork();
  }
}
