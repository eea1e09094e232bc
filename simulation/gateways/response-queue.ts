/** Messages that may lie in the buffers of a connection before its writer is told to wait. */
const roomMessages = 4;

/** The messages of a stream, between the connection that brings them and the caller who takes one after the other. */
export class ResponseQueue {
  readonly #messages: unknown[] = [];
  #end: { readonly error: Error | undefined } | undefined;
  #news = Promise.withResolvers<void>();
  #room = Promise.withResolvers<void>();

  get hasRoom(): boolean {
    return this.#messages.length < roomMessages;
  }

  /** Resolves when there is room, also when it ended. */
  async drained(): Promise<void> {
    while (!this.hasRoom && this.#end === undefined) await this.#room.promise;
  }

  add(message: unknown): void {
    if (this.#end !== undefined) return;
    this.#messages.push(message);
    this.#news.resolve();
  }

  end(): void {
    this.#finish(undefined);
  }

  fail(error: Error): void {
    this.#finish(error);
  }

  async *messages(): AsyncGenerator<unknown> {
    for (;;) {
      while (this.#messages.length > 0) {
        const message = this.#messages.shift();
        this.#room.resolve();
        this.#room = Promise.withResolvers();
        yield message;
      }
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return;
      this.#news = Promise.withResolvers();
      await this.#news.promise;
    }
  }

  #finish(error: Error | undefined): void {
    this.#end ??= { error };
    this.#news.resolve();
    this.#room.resolve();
  }
}
