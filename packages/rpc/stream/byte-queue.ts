/** Less than this is copied together with its neighbours: a queue of crumbs must not take many times their bytes. */
const smallBytes = 1_024;
const blockBytes = 2_048;

interface Block {
  readonly bytes: Uint8Array;
  /** Where what it holds ends. */
  end: number;
}

/** In the place of a block that has been taken: what it held must not stay for as long as the queue is not empty. */
const taken: Block = { bytes: new Uint8Array(0), end: 0 };

/** Bytes that wait: for a window, or to be asked for. What is not small is kept, not copied: nobody may change it. */
export class ByteQueue {
  #blocks: Block[] = [];
  #head = 0;
  /** How much of the first block is gone. */
  #offset = 0;
  bytes = 0;

  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.bytes += piece.length;
    if (piece.length >= smallBytes) {
      this.#blocks.push({ bytes: piece, end: piece.length });
      return;
    }
    const block = this.#blockFor(piece.length);
    block.bytes.set(piece, block.end);
    block.end += piece.length;
  }

  /** Moves the next bytes to where they go. @param length at most `bytes` */
  take(length: number, target: Buffer, at: number): void {
    this.bytes -= length;
    for (let rest = length, to = at; rest > 0; ) {
      const block = this.#blocks[this.#head] as Block;
      const end = Math.min(block.end, this.#offset + rest);
      target.set(block.bytes.subarray(this.#offset, end), to);
      to += end - this.#offset;
      rest -= end - this.#offset;
      this.#offset = end;
      if (end === block.end) this.#next();
    }
  }

  clear(): void {
    this.#blocks = [];
    this.#head = 0;
    this.#offset = 0;
    this.bytes = 0;
  }

  /** One that has room for a small piece at the end of the queue. */
  #blockFor(length: number): Block {
    const last = this.#blocks.at(-1);
    // What was pushed as it is has no room: it is full.
    if (last !== undefined && last.bytes.length - last.end >= length) return last;
    const block = { bytes: Buffer.allocUnsafeSlow(blockBytes), end: 0 };
    this.#blocks.push(block);
    return block;
  }

  #next(): void {
    this.#blocks[this.#head] = taken;
    this.#head += 1;
    this.#offset = 0;
    if (this.#head < 64 && this.#head < this.#blocks.length) return;
    this.#blocks = this.#blocks.slice(this.#head);
    this.#head = 0;
  }
}
