/** Bytes of one stream that wait for a window. They are kept, not copied: nobody may change them any more. */
export class SendQueue {
  #chunks: Uint8Array[] = [];
  #head = 0;
  /** How much of the first chunk is gone. */
  #offset = 0;
  bytes = 0;

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.bytes += chunk.length;
  }

  /** Moves the next bytes to where they go. @param length at most `bytes` */
  take(length: number, target: Buffer, at: number): void {
    this.bytes -= length;
    for (let rest = length, to = at; rest > 0; ) {
      const chunk = this.#chunks[this.#head] as Uint8Array;
      const end = Math.min(chunk.length, this.#offset + rest);
      target.set(chunk.subarray(this.#offset, end), to);
      to += end - this.#offset;
      rest -= end - this.#offset;
      this.#offset = end;
      if (end === chunk.length) this.#next();
    }
  }

  #next(): void {
    this.#head += 1;
    this.#offset = 0;
    if (this.#head < 64 && this.#head < this.#chunks.length) return;
    this.#chunks = this.#chunks.slice(this.#head);
    this.#head = 0;
  }
}
