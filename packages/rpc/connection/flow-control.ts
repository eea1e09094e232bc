import type { Socket } from "node:net";
import { ConnectionError, windowMaxBytes, windowUsualBytes } from "../frame/frame.ts";
import { writeWindowUpdate } from "../frame/frame-writer.ts";
import type { RpcLimits } from "../limits.ts";
import type { Output } from "./output.ts";
import type { StreamEnd } from "./stream-end.ts";

/**
 * What the streams of a connection share of its flow: both windows of RFC 9113 §5.2, backpressure by the socket, and
 * what is kept in memory for all of them. Streams report what they queue and retain; nobody else counts.
 */
export class FlowControl {
  readonly #output: Output;
  readonly #socket: Socket;
  readonly #limits: RpcLimits;
  #sendWindow = windowUsualBytes;
  #receiveWindow = windowUsualBytes;
  /** Consumed, and not yet given back to the peer's window. */
  #consumedBytes = 0;
  /** Output that waits for a window or the socket. */
  #queuedBytes = 0;
  /** Kept of requests that are not complete. */
  #retainedBytes = 0;
  /** Streams whose output waits, or whose producer does. */
  readonly #waiting = new Set<StreamEnd>();

  constructor(output: Output, socket: Socket, limits: RpcLimits) {
    this.#output = output;
    this.#socket = socket;
    this.#limits = limits;
  }

  // What comes.

  /** Opens the window that every connection begins with to ours. */
  open(): void {
    const { connectionWindowBytes } = this.#limits;
    if (connectionWindowBytes <= this.#receiveWindow) return;
    writeWindowUpdate(this.#output, 0, connectionWindowBytes - this.#receiveWindow);
    this.#receiveWindow = connectionWindowBytes;
  }

  /** @returns whether the DATA fits in the window */
  received(bytes: number): boolean {
    this.#receiveWindow -= bytes;
    return this.#receiveWindow >= 0;
  }

  /** Request bytes that are done with: the peer may send as many more, as soon as it is worth a frame. */
  consumed(bytes: number): void {
    this.#consumedBytes += bytes;
    if (this.#consumedBytes < this.#limits.connectionWindowBytes / 2) return;
    writeWindowUpdate(this.#output, 0, this.#consumedBytes);
    this.#receiveWindow += this.#consumedBytes;
    this.#consumedBytes = 0;
  }

  /**
   * A stream keeps so many bytes more of a request that is not complete, or fewer.
   * @returns whether all streams together keep no more than they may
   */
  retained(change: number): boolean {
    this.#retainedBytes += change;
    return this.#retainedBytes <= this.#limits.incompleteMaxBytes;
  }

  // What goes.

  get sendWindow(): number {
    return this.#sendWindow;
  }

  /** Whether the peer reads too slowly for more output; the socket's `drain` tells when it has caught up. */
  get isCongested(): boolean {
    return this.#output.waitingBytes >= this.#limits.sendBufferMaxBytes && this.#socket.writableNeedDrain;
  }

  /** Whether what waits for the socket and for windows, of all streams, is less than it may be. */
  get hasRoom(): boolean {
    return this.#queuedBytes + this.#output.waitingBytes < this.#limits.sendBufferMaxBytes;
  }

  sent(bytes: number): void {
    this.#sendWindow -= bytes;
  }

  /** A stream's output waits: so many bytes more, or fewer. */
  queued(change: number): void {
    this.#queuedBytes += change;
  }

  windowUpdate(increment: number): void {
    if (increment === 0) throw new ConnectionError("PROTOCOL_ERROR", "WINDOW_UPDATE by nothing");
    this.#sendWindow += increment;
    if (this.#sendWindow > windowMaxBytes) throw new ConnectionError("FLOW_CONTROL_ERROR", "a window above 2^31-1");
  }

  // Waiters.

  /** The stream's `pump` is called as soon as there is a window, or room in the socket. */
  waitForRoom(stream: StreamEnd): void {
    this.#waiting.add(stream);
  }

  removeWaiter(stream: StreamEnd): void {
    this.#waiting.delete(stream);
  }

  removeWaiters(): void {
    this.#waiting.clear();
  }

  /** Lets all waiters send what they can, a frame each in turn. */
  pump(): void {
    for (let progress = true; progress; ) {
      progress = false;
      for (const stream of this.#waiting) if (stream.pump()) progress = true;
    }
  }

  /** Looks for output that nobody takes. */
  tick(nowMs: number): void {
    for (const stream of this.#waiting) stream.tick(nowMs);
  }
}
