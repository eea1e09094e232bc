/** Room for the longest frame and a few more. */
export const pooledBytes = 32 * 1024;
const keptMax = 64;

/** Buffers that connections put frames together in; each holds one only while it has something to say. */
export class BufferPool {
  readonly #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(pooledBytes);
  }

  /** Takes a buffer back; one of another size is left to the garbage collector. */
  give(buffer: Buffer): void {
    if (buffer.length === pooledBytes && this.#free.length < keptMax) this.#free.push(buffer);
  }
}
