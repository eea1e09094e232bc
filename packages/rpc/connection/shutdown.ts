import type { Socket } from "node:net";
import { type ErrorCode, errorCodes, streamIdMax } from "../frame/frame.ts";
import { writeGoaway, writePing } from "../frame/frame-writer.ts";
import type { Output } from "./output.ts";

/**
 * The life of a connection and the way to its end (RFC 9113 §6.8):
 *
 *   open ── drain ─► announced ── PING answered, or 1 s ─► draining ── last stream gone ─► closing ── socket closed ─► closed
 *     │                  │                                    │                               ▲
 *     └──────────────────┴──────────── connection error ──────┴───────────────────────────────┘
 *
 * announced: the peer was told to go elsewhere; what it sends before it knows is still answered.
 * draining: streams above the last accepted one are not ours to answer any more.
 * closing: what is left is sent; whatever still comes is not looked at. The socket may close in every state.
 */
type ConnectionState = "open" | "announced" | "draining" | "closing" | "closed";

const drainPing = Buffer.from("draining", "latin1");
/** How long the answer to that may take. */
const announcementMs = 1_000;

/** GOAWAY: when the peer is told to go, and which streams are still answered. */
export class Shutdown {
  readonly #output: Output;
  readonly #socket: Socket;
  #state: ConnectionState = "open";
  #announcedMs = 0;
  #lastAccepted = streamIdMax;

  constructor(output: Output, socket: Socket) {
    this.#output = output;
    this.#socket = socket;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Whether frames are looked at. */
  get isReading(): boolean {
    return this.#state !== "closing" && this.#state !== "closed";
  }

  /** Whether a stream is ours to answer. */
  accepts(streamId: number): boolean {
    return streamId <= this.#lastAccepted;
  }

  /** Tells the peer twice to go elsewhere, now and when `announced` is over: in between, its new streams are accepted. */
  announce(nowMs: number): void {
    this.#state = "announced";
    this.#announcedMs = nowMs;
    writeGoaway(this.#output, streamIdMax, errorCodes.NO_ERROR, "draining");
    writePing(this.#output, 0, drainPing, 0);
  }

  /** Whether an acknowledged PING says that the peer has read the announcement. */
  isAnnouncementRead(bytes: Buffer, start: number, end: number): boolean {
    return this.#state === "announced" && drainPing.compare(bytes, start, end) === 0;
  }

  isAnnouncementOverdue(nowMs: number): boolean {
    return this.#state === "announced" && nowMs - this.#announcedMs > announcementMs;
  }

  /** @param last the highest stream that the peer has opened */
  stopAccepting(last: number): void {
    this.#state = "draining";
    this.#lastAccepted = last;
    writeGoaway(this.#output, last, errorCodes.NO_ERROR, "draining");
  }

  /** @param message for readers of a trace */
  fail(code: ErrorCode, last: number, message: string): void {
    // Never above what was said before (RFC 9113 §6.8).
    writeGoaway(this.#output, Math.min(last, this.#lastAccepted), errorCodes[code], message);
    this.end();
  }

  /** Sends what is left, and closes. */
  end(): void {
    this.#state = "closing";
    this.#output.flush();
    this.#socket.end();
  }

  closed(): void {
    this.#state = "closed";
  }
}
