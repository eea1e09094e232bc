import type { CloseReason, SessionHandle } from "@realchat/presence-client";
import { type Clock, type Rate, TokenBucket } from "@realchat/presence-runtime";
import type { RawData, WebSocket } from "ws";
import type { FrameFormat } from "../push/frame-format.ts";
import type { Outlet } from "../push/outlet.ts";
import type { Subscription } from "../push/push.ts";
import { readClientMessage } from "./client-message.ts";
import { type Close, closes, loggedOut } from "./close-codes.ts";
import { type TimerWheel, WheelTimer } from "./timer-wheel.ts";

/** What all sockets of a gateway share. */
export interface ConnectionSetting {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly pingEveryMs: number;
  readonly pongWithinMs: number;
  readonly messageRate: Rate;
  /** Told once, when nothing of it is left to do. */
  readonly onEnd: (connection: Connection, end: End) => void;
  readonly onMessage: (kind: string) => void;
}

/**
 * How a socket ended: by us, by what ws does not let through, by a lost connection, by a client that
 * was not there any more when it was let in, or by the client with this code.
 */
export type End = Close | "too_big" | "protocol_error" | "lost" | "unproven" | { readonly code: number };

/** Bytes of a close frame's reason. Source: RFC 6455 §5.5 */
const reasonMaxBytes = 123;

/** More than a snapshot has; of what the network has yet to take. */
const pongBacklogMaxBytes = 4 * 2 ** 20;

/** An open socket of a user's device: keeps it alive, hears its messages, and says how its session ends. */
export class Connection implements Outlet {
  readonly format: FrameFormat;
  readonly #socket: WebSocket;
  readonly #setting: ConnectionSetting;
  readonly #liveness: WheelTimer;
  readonly #expiry: WheelTimer | undefined;
  readonly #allowance: TokenBucket;
  #session: SessionHandle | undefined;
  #subscription: Subscription | undefined;
  /** Who waits for the client to show that it is there, and since when, monotonic ms. */
  #proof: { readonly askedMs: number; readonly run: (askedMs: number) => void } | undefined;
  #isPinged = false;
  #awaitsPong = false;
  #isOver = false;

  /** @param options.expiresAtMs when the client's right to be here ends: wall clock, ms since 1970; undefined: never */
  constructor(
    socket: WebSocket,
    options: {
      readonly format: FrameFormat;
      readonly expiresAtMs: number | undefined;
      readonly setting: ConnectionSetting;
    },
  ) {
    const { setting, expiresAtMs } = options;
    this.format = options.format;
    this.#socket = socket;
    this.#setting = setting;
    this.#allowance = new TokenBucket(setting.messageRate, setting.clock.monotonicMs());
    this.#liveness = new WheelTimer(() => this.#checkLiveness());
    setting.wheel.set(this.#liveness, setting.pingEveryMs);
    if (expiresAtMs !== undefined) {
      const expiry = new WheelTimer(() => this.#checkExpiry(expiry, expiresAtMs));
      this.#expiry = expiry;
      this.#awaitExpiry(expiry, expiresAtMs);
    }
    socket.on("message", (data, isBinary) => this.#heard(data, isBinary));
    socket.on("pong", (data) => this.#ponged(data));
    socket.on("ping", (data) => this.#pinged(data));
    socket.on("close", (code) => this.#closed(code));
    socket.on("error", (error: NodeJS.ErrnoException) => this.#violated(error));
  }

  /** @param subscription ends with the socket */
  show(subscription: Subscription): void {
    this.#subscription = subscription;
  }

  /**
   * Asks the client whether it is still there. Without an answer in time the connection is dropped.
   * @param run is told when it was asked, monotonic ms, as soon as it answers
   */
  prove(run: (askedMs: number) => void): void {
    const { clock, wheel, pongWithinMs } = this.#setting;
    this.#proof = { askedMs: clock.monotonicMs(), run };
    this.#isPinged = true;
    this.#awaitsPong = true;
    this.#socket.ping(proofOf(this.#proof));
    wheel.set(this.#liveness, pongWithinMs);
  }

  /** @param session ends with the socket, and the socket with it */
  hold(session: SessionHandle): void {
    this.#session = session;
    session.onSuperseded((by) => this.close(by === "nobody" ? "connect_again" : "session_replaced"));
    session.onRefused(({ code }) => this.#refused(code));
  }

  /** Final for the client too: presence would say the same the next time. */
  #refused(code: string): void {
    if (code === "RESOURCE_EXHAUSTED") this.close("too_many_devices");
    else this.close("forbidden", "presence does not take this id");
  }

  /** Says why, and ends the session; from now on nothing is sent or heard. */
  close(reason: Close, detail = ""): void {
    if (this.#isOver) return;
    const { code, text } = closes[reason];
    this.#socket.close(code, fitting(detail === "" ? text : `${text}: ${detail}`));
    this.#end(
      reason,
      reason === "restart" ? "server-drain" : reason === "logged_out" ? "logged-out" : "connection-lost",
    );
  }

  /** Drops the connection without a word. */
  terminate(): void {
    this.#socket.terminate();
    this.#end(this.#lost, "connection-lost");
  }

  send(frames: readonly Buffer[], written: () => void): void {
    const last = frames.length - 1;
    frames.forEach((frame, index) => {
      this.#socket.send(frame, { binary: this.format.isBinary }, index === last ? written : undefined);
    });
  }

  closeSlow(): void {
    this.close("slow");
  }

  /** RFC 6455 §5.5.3: a pong may come unasked, so only the one that answers the question proves anything. */
  #ponged(data: Buffer): void {
    const proof = this.#proof;
    if (proof !== undefined && data.toString() !== proofOf(proof)) return;
    this.#awaitsPong = false;
    if (proof === undefined || this.#isOver) return;
    this.#proof = undefined;
    proof.run(proof.askedMs);
  }

  get #lost(): End {
    return this.#proof === undefined ? "lost" : "unproven";
  }

  #checkLiveness(): void {
    const { wheel, pingEveryMs, pongWithinMs } = this.#setting;
    if (this.#awaitsPong) {
      this.terminate();
      return;
    }
    this.#isPinged = !this.#isPinged;
    if (this.#isPinged) {
      this.#awaitsPong = true;
      this.#socket.ping();
    }
    wheel.set(this.#liveness, this.#isPinged ? pongWithinMs : pingEveryMs - pongWithinMs);
  }

  #checkExpiry(expiry: WheelTimer, atMs: number): void {
    if (atMs <= this.#wallMs()) this.close("token_expired");
    else this.#awaitExpiry(expiry, atMs);
  }

  /** A token ends at a time of day, which may come sooner or later than it seems: looked at as often as a ping is sent. */
  #awaitExpiry(expiry: WheelTimer, atMs: number): void {
    const { wheel, pingEveryMs } = this.#setting;
    wheel.set(expiry, Math.min(Math.max(0, atMs - this.#wallMs()), pingEveryMs));
  }

  #wallMs(): number {
    return this.#setting.clock.nowUs() / 1000;
  }

  #heard(data: RawData, isBinary: boolean): void {
    if (this.#isOver || !this.#isAllowed()) return;
    // ws hands text over as one Buffer. Nothing binary is in the protocol.
    const message = isBinary ? ({ kind: "unknown" } as const) : readClientMessage((data as Buffer).toString());
    this.#setting.onMessage(message.kind);
    switch (message.kind) {
      case "subscribe":
        if (this.#subscription?.subscribe(message.userIds) === false)
          this.close("too_many_users", "unsubscribe some first");
        return;
      case "unsubscribe":
        this.#subscription?.unsubscribe(message.userIds);
        return;
      case "logout":
        this.close("logged_out");
        return;
      case "ping":
        this.#pong();
        return;
      case "wrong":
        this.close("bad_message", message.why);
        return;
      case "not_json":
        // Whatever clients of the older protocol send has never been looked at.
        if (!this.format.isBinary) this.close("not_json");
        return;
      case "unknown":
        return;
    }
  }

  /** RFC 6455 §5.5.3 lets pongs be left out: to a client that pings and does not read they would pile up here. */
  #pinged(data: Buffer): void {
    if (this.#isAllowed() && this.#mayPong) this.#socket.pong(data);
  }

  #pong(): void {
    if (!this.#mayPong) return;
    for (const frame of this.format.pong()) this.#socket.send(frame, { binary: this.format.isBinary });
  }

  get #mayPong(): boolean {
    return this.#socket.bufferedAmount < pongBacklogMaxBytes;
  }

  #isAllowed(): boolean {
    const isAllowed = this.#allowance.take(this.#setting.clock.monotonicMs());
    if (!isAllowed) this.close("too_many_messages");
    return isAllowed;
  }

  /** ws answers by itself, with 1002, 1007 or 1009, and closes. */
  #violated({ code }: NodeJS.ErrnoException): void {
    const isTooBig = code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH";
    this.#end(isTooBig ? "too_big" : "protocol_error", "connection-lost");
  }

  #closed(code: number): void {
    // RFC 6455 §7.1.5: 1006 stands for a connection that ended without a close frame.
    this.#end(code === 1006 ? this.#lost : { code }, code === loggedOut ? "logged-out" : "connection-lost");
  }

  #end(end: End, reason: CloseReason): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { wheel, onEnd } = this.#setting;
    wheel.cancel(this.#liveness);
    if (this.#expiry !== undefined) wheel.cancel(this.#expiry);
    this.#subscription?.close();
    void this.#session?.close(reason);
    onEnd(this, end);
  }
}

function proofOf({ askedMs }: { readonly askedMs: number }): string {
  return `there? ${askedMs}`;
}

function fitting(reason: string): string {
  return Buffer.byteLength(reason) <= reasonMaxBytes ? reason : reason.slice(0, reasonMaxBytes / 3);
}
