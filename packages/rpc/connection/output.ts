import type { Socket } from "node:net";
import type { FrameRoom } from "../frame/frame-writer.ts";
import { type BufferPool, pooledBytes } from "./buffer-pool.ts";

/** Below this much, a copy costs less than a buffer that is given away. */
const copiedMaxBytes = 4_096;
/** The same, for a socket that is behind: it may keep what it has for long, and many of them. */
const copiedMaxBytesBehind = pooledBytes / 2;
/** Room for a few acknowledgements. */
const littleBytes = 64;
const nothing = Buffer.alloc(0);

/**
 * What goes out on a connection: frames are put together in one buffer and leave with one write, at the end of what the
 * event loop is doing at the moment (`process.nextTick`, which comes after all that promises have to do). What only
 * acknowledges waits until the sockets that are ready have been read (`setImmediate`): an answer may take it along.
 */
export class Output implements FrameRoom {
  buffer: Buffer = nothing;
  #length = 0;
  #flush: "none" | "this turn" | "next turn" = "none";
  readonly #socket: Socket;
  readonly #pool: BufferPool;
  readonly #isEncrypted: boolean;
  readonly #wrote: (bytes: number) => void;

  /**
   * @param isEncrypted whether the socket still needs the bytes after `write` has returned, as TLS does
   * @param wrote told of the bytes of each write
   */
  constructor(socket: Socket, pool: BufferPool, isEncrypted: boolean, wrote: (bytes: number) => void) {
    this.#socket = socket;
    this.#pool = pool;
    this.#isEncrypted = isEncrypted;
    this.#wrote = wrote;
  }

  /** Bytes that the operating system has not taken yet. */
  get waitingBytes(): number {
    return this.#socket.writableLength + this.#length;
  }

  /** @param length at most `pooledBytes` */
  take(length: number, canWait = false): number {
    if (this.#length + length > this.buffer.length) this.#makeRoom(length, canWait);
    if (this.#flush !== "this turn") this.#askForFlush(canWait);
    const at = this.#length;
    this.#length += length;
    return at;
  }

  /** Writes what there is. */
  flush(): void {
    if (this.#length > 0) this.#write();
  }

  /** The same, unless the socket is full: then it waits for `flush`, and comes together with what follows. */
  flushInTurn(): void {
    this.#flush = "none";
    if (this.#length > 0 && !this.#socket.writableNeedDrain) this.#write();
  }

  #makeRoom(length: number, canWait: boolean): void {
    if (this.buffer.length === pooledBytes) {
      this.#write();
      this.buffer = this.#pool.take();
      return;
    }
    // Thousands of connections may each have an acknowledgement that waits: that takes no large buffer.
    const isLittle = canWait && this.#length + length <= littleBytes;
    const buffer = isLittle ? Buffer.allocUnsafe(littleBytes) : this.#pool.take();
    this.buffer.copy(buffer, 0, 0, this.#length);
    this.buffer = buffer;
  }

  #askForFlush(canWait: boolean): void {
    if (!canWait) {
      this.#flush = "this turn";
      process.nextTick(flush, this);
    } else if (this.#flush === "none") {
      this.#flush = "next turn";
      setImmediate(flush, this);
    }
  }

  #write(): void {
    const { buffer } = this;
    const length = this.#length;
    this.buffer = nothing;
    this.#length = 0;
    if (!this.#socket.writable) {
      this.#pool.give(buffer);
      return;
    }
    this.#wrote(length);
    const isBehind = this.#socket.writableLength > 0;
    if (isBehind ? length <= copiedMaxBytesBehind : this.#isEncrypted && length <= copiedMaxBytes) {
      this.#socket.write(isBehind ? apart(buffer, length) : Buffer.copyBytesFrom(buffer, 0, length));
      this.#pool.give(buffer);
      return;
    }
    this.#socket.write(length === pooledBytes ? buffer : buffer.subarray(0, length));
    // Whatever was taken at once is done with; otherwise the socket keeps the buffer, and it is ours no more.
    if (!this.#isEncrypted && this.#socket.writableLength === 0) this.#pool.give(buffer);
  }
}

function flush(output: Output): void {
  output.flushInTurn();
}

/** A copy outside of the runtime's pool, of which a few bytes that are kept for long would keep much. */
function apart(buffer: Buffer, length: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(length);
  buffer.copy(copy, 0, 0, length);
  return copy;
}
