import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import type {
  Activity,
  ClosedByOperator,
  CloseReason,
  PresenceClientError,
  SessionHandle,
  SessionListener,
  Successor,
} from "@realchat/presence-client";
import { type Clock, type Rate, TokenBucket } from "@realchat/presence-runtime";
import { type RawData, WebSocket } from "ws";
import type { FrameFormat } from "../push/frame-format.ts";
import type { FrameSink } from "../push/frame-sink.ts";
import type { Subscription } from "../push/push.ts";
import type { Self, SelfMessage, SelfSink, SelfView } from "../self/self.ts";
import { readClientMessage } from "./client-message.ts";
import { type Close, closes, loggedOut } from "./close-codes.ts";
import type { CorkedStreams } from "./corked-streams.ts";
import { pingFrame } from "./protocols/message-frame.ts";
import { refusedFrame, selfFrame } from "./protocols/self-frames.ts";
import { type TimerWheel, WheelTimer } from "./timer-wheel.ts";

/** What all sockets of a gateway share. */
export interface ConnectionSetting {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly corked: CorkedStreams;
  readonly pingEveryMs: number;
  readonly pongWithinMs: number;
  readonly messageRate: Rate;
  /** Called once, when the connection has ended. */
  readonly onEnd: (connection: Connection, end: End) => void;
  readonly onMessage: (kind: string) => void;
}

/**
 * How a socket ended: closed by this gateway, by a violation of the protocol, by a lost connection, by a client that did
 * not answer the ping before its registration (`unproven`), or by the client with this code.
 */
export type End = Close | "too_big" | "protocol_error" | "lost" | "unproven" | { readonly code: number };

/** Bytes in a close frame's reason. Source: RFC 6455 §5.5 */
const reasonMaxBytes = 123;

/** Unsent bytes above which pongs are left out; more than a snapshot has. */
const pongBacklogMaxBytes = 4 * 2 ** 20;

/** Written after what is to be taken. */
const nothing = Buffer.alloc(0);

declare module "ws" {
  interface WebSocket {
    /** Whose socket it is: its listeners, the same functions for all sockets, find it here. */
    connection?: Connection;
  }
}

/** An open socket of a user's device: sends pings, reads messages, and decides how the session ends. */
export class Connection implements FrameSink, SelfSink, SessionListener {
  readonly format: FrameFormat;
  readonly #socket: WebSocket;
  /** What `socket` reads from and writes to. */
  readonly #stream: Duplex;
  readonly #setting: ConnectionSetting;
  readonly #liveness: LivenessTimer;
  readonly #expiry: ExpiryTimer | undefined;
  /** undefined: as it is at first, full. Most clients never send a message. */
  #messageBudget: TokenBucket | undefined;
  #session: SessionHandle | undefined;
  #subscription: Subscription | undefined;
  #self: Self | undefined;
  /** Said before there is a session. */
  #activity: Activity | undefined;
  /** The pending check that the client is alive, and when its ping was sent, monotonic ms. */
  #aliveCheck: { readonly askedMs: number; readonly run: (askedMs: number) => void } | undefined;
  #isPinged = false;
  #awaitsPong = false;
  #isEnded = false;

  /**
   * @param options.stream what the socket reads from and writes to
   * @param options.expiresAtMs when the client's token expires: wall clock, ms since 1970; undefined: never
   */
  constructor(
    socket: WebSocket,
    options: {
      readonly stream: Duplex;
      readonly format: FrameFormat;
      readonly expiresAtMs: number | undefined;
      readonly setting: ConnectionSetting;
    },
  ) {
    const { setting, expiresAtMs } = options;
    this.format = options.format;
    this.#socket = socket;
    this.#stream = options.stream;
    this.#setting = setting;
    this.#liveness = new LivenessTimer(this);
    setting.wheel.set(this.#liveness, setting.pingEveryMs);
    if (expiresAtMs !== undefined) {
      this.#expiry = new ExpiryTimer(this, expiresAtMs);
      this.#awaitExpiry(this.#expiry);
    }
    socket.connection = this;
    socket.on("message", onMessage);
    socket.on("pong", onPong);
    socket.on("ping", onPing);
    socket.on("close", onClose);
    socket.on("error", onProtocolError);
  }

  /** @param subscription ends with the socket */
  setSubscription(subscription: Subscription): void {
    this.#subscription = subscription;
  }

  /** @param self ends with the socket */
  setSelf(self: Self): void {
    this.#self = self;
  }

  /**
   * Sends a ping to check that the client is still there. Without a pong in time the connection is dropped.
   * @param run called at the pong, with the time of the ping, monotonic ms
   */
  confirmAlive(run: (askedMs: number) => void): void {
    const { clock, wheel, pongWithinMs } = this.#setting;
    this.#aliveCheck = { askedMs: clock.monotonicMs(), run };
    this.#isPinged = true;
    this.#awaitsPong = true;
    this.#socket.ping(pingPayloadOf(this.#aliveCheck));
    wheel.set(this.#liveness, pongWithinMs);
  }

  /** @param session ends with the socket, and the socket with it */
  setSession(session: SessionHandle): void {
    this.#session = session;
    if (this.#activity !== undefined) session.setActivity(this.#activity);
    session.listen(this);
  }

  superseded(by: Successor): void {
    this.close(by === "nobody" ? "connect_again" : "session_replaced");
  }

  /** An operator did it. Clients read how long they are to stay away: see docs/websocket.md. */
  forced({ reason, blockedMs }: ClosedByOperator): void {
    this.close("closed", reason, blockedMs === undefined ? "" : ` for ${Math.ceil(blockedMs / 1_000)} s`);
  }

  /** Final for the client too: presence would refuse it the next time as well. */
  refused({ code }: Pick<PresenceClientError, "code">): void {
    if (code === "RESOURCE_EXHAUSTED") this.close("too_many_devices");
    else this.close("forbidden", "presence does not take this id");
  }

  /** Sends the close code and ends the session; from now on nothing is sent or read. */
  close(reason: Close, detail = "", addition = ""): void {
    if (this.#isEnded) return;
    const { code, text } = closes[reason];
    this.#socket.close(code, truncated(text + addition + (detail === "" ? "" : `: ${detail}`)));
    this.#end(
      reason,
      reason === "restart" ? "server-drain" : reason === "logged_out" ? "logged-out" : "connection-lost",
    );
  }

  /** Drops the connection without a close frame. */
  terminate(): void {
    this.#socket.terminate();
    this.#end(this.#endOfLost, "connection-lost");
  }

  /** The answer to a ping of the protocol; unasked, it tells a client that it will get answers. */
  pong(): void {
    if (!this.#hasPongRoom) return;
    for (const frame of this.format.pong()) if (this.#isOpen) this.#stream.write(frame);
  }

  /**
   * Past ws, which would make a header for each socket and write it beside the frame. What ws sends by itself (pongs, the
   * close frame) it writes to the same stream, whole as well: without compression it holds nothing back.
   */
  send(frames: Buffer, taken: () => void): boolean {
    if (!this.#isOpen) return true;
    const stream = this.#stream;
    if (stream instanceof TLSSocket) {
      stream.write(frames, taken);
      return false;
    }
    // Almost always the kernel takes all at once, and a callback would cost a turn of its own.
    stream.write(frames);
    if (stream.writableLength === 0) return true;
    stream.write(nothing, taken);
    return false;
  }

  get takesSelf(): boolean {
    return !this.format.isBinary;
  }

  tellSelf(view: SelfView): void {
    if (this.takesSelf) this.#tell(selfFrame(view));
  }

  tellRefused(what: SelfMessage, why: string): void {
    if (this.takesSelf) this.#tell(refusedFrame(what, why));
  }

  /** Of frames that are few and small; a client that does not read them is too slow. */
  #tell(frame: Buffer): void {
    if (!this.#isOpen) return;
    if (!this.#hasPongRoom) {
      this.closeSlow();
      return;
    }
    // When presence has the session it has those of others who came with this one, too.
    this.#setting.corked.cork(this.#stream);
    this.#stream.write(frame);
  }

  /** RFC 6455 §5.5.1: after a close frame nothing is sent, whoever sent it first. */
  get #isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  closeSlow(): void {
    this.close("slow");
  }

  /** RFC 6455 §5.5.3: pongs may come unsolicited, so only the pong with the ping's payload counts. */
  onPong(data: Buffer): void {
    const check = this.#aliveCheck;
    if (check !== undefined && data.toString() !== pingPayloadOf(check)) return;
    this.#awaitsPong = false;
    if (check === undefined || this.#isEnded) return;
    this.#aliveCheck = undefined;
    check.run(check.askedMs);
  }

  get #endOfLost(): End {
    return this.#aliveCheck === undefined ? "lost" : "unproven";
  }

  checkLiveness(): void {
    const { wheel, pingEveryMs, pongWithinMs } = this.#setting;
    if (this.#awaitsPong) {
      this.terminate();
      return;
    }
    this.#isPinged = !this.#isPinged;
    if (this.#isPinged) {
      this.#awaitsPong = true;
      if (this.#isOpen) this.#stream.write(pingFrame);
    }
    wheel.set(this.#liveness, this.#isPinged ? pongWithinMs : pingEveryMs - pongWithinMs);
  }

  checkExpiry(expiry: ExpiryTimer): void {
    if (expiry.atMs <= this.#wallMs()) this.close("token_expired");
    else this.#awaitExpiry(expiry);
  }

  /** Tokens expire by the wall clock, which may be set meanwhile: it is checked at least once per ping interval. */
  #awaitExpiry(expiry: ExpiryTimer): void {
    const { wheel, pingEveryMs } = this.#setting;
    wheel.set(expiry, Math.min(Math.max(0, expiry.atMs - this.#wallMs()), pingEveryMs));
  }

  #wallMs(): number {
    return this.#setting.clock.nowUs() / 1000;
  }

  onMessage(data: RawData, isBinary: boolean): void {
    if (this.#isEnded || !this.#takeFromBudget()) return;
    // ws passes text as one Buffer. The protocol has no binary messages.
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
      case "activity":
        this.#sayActivity(message);
        return;
      case "status":
      case "privacy":
        this.#self?.say(message);
        return;
      case "refused":
        this.#self?.refuse(message.what, message.why);
        return;
      case "logout":
        this.close("logged_out");
        return;
      case "ping":
        this.pong();
        return;
      case "wrong":
        this.close("bad_message", message.why);
        return;
      case "not_json":
        // Messages of clients of the older protocol have always been ignored.
        if (!this.format.isBinary) this.close("not_json");
        return;
      case "unknown":
        return;
    }
  }

  #sayActivity({ isIdle, ageMs }: { readonly isIdle: boolean; readonly ageMs: number }): void {
    const activity: Activity = isIdle ? { idleSinceMs: Math.floor(this.#wallMs() - ageMs) } : "active";
    if (this.#session === undefined) this.#activity = activity;
    else this.#session.setActivity(activity);
  }

  /** RFC 6455 §5.5.3 allows to leave out pongs: with a client that pings and does not read they would pile up. */
  onPing(data: Buffer): void {
    if (this.#takeFromBudget() && this.#hasPongRoom) this.#socket.pong(data);
  }

  get #hasPongRoom(): boolean {
    return this.#socket.bufferedAmount < pongBacklogMaxBytes;
  }

  #takeFromBudget(): boolean {
    const { clock, messageRate } = this.#setting;
    const nowMs = clock.monotonicMs();
    this.#messageBudget ??= new TokenBucket(messageRate, nowMs);
    const isAllowed = this.#messageBudget.take(nowMs);
    if (!isAllowed) this.close("too_many_messages");
    return isAllowed;
  }

  /** ws itself closes the socket, with 1002, 1007 or 1009. */
  onProtocolError({ code }: NodeJS.ErrnoException): void {
    const isTooBig = code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH";
    this.#end(isTooBig ? "too_big" : "protocol_error", "connection-lost");
  }

  onClose(code: number): void {
    // RFC 6455 §7.1.5: 1006 stands for a connection that ended without a close frame.
    this.#end(code === 1006 ? this.#endOfLost : { code }, code === loggedOut ? "logged-out" : "connection-lost");
  }

  #end(end: End, reason: CloseReason): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { wheel, onEnd } = this.#setting;
    wheel.cancel(this.#liveness);
    if (this.#expiry !== undefined) wheel.cancel(this.#expiry);
    this.#subscription?.close();
    this.#self?.close();
    void this.#session?.close(reason);
    onEnd(this, end);
  }
}

class LivenessTimer extends WheelTimer {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    super();
    this.#connection = connection;
  }

  override run(): void {
    this.#connection.checkLiveness();
  }
}

class ExpiryTimer extends WheelTimer {
  /** Wall clock, ms since 1970. */
  readonly atMs: number;
  readonly #connection: Connection;

  constructor(connection: Connection, atMs: number) {
    super();
    this.#connection = connection;
    this.atMs = atMs;
  }

  override run(): void {
    this.#connection.checkExpiry(this);
  }
}

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  this.connection?.onMessage(data, isBinary);
}

function onPong(this: WebSocket, data: Buffer): void {
  this.connection?.onPong(data);
}

function onPing(this: WebSocket, data: Buffer): void {
  this.connection?.onPing(data);
}

function onClose(this: WebSocket, code: number): void {
  this.connection?.onClose(code);
}

function onProtocolError(this: WebSocket, error: NodeJS.ErrnoException): void {
  this.connection?.onProtocolError(error);
}

function pingPayloadOf({ askedMs }: { readonly askedMs: number }): string {
  return `there? ${askedMs}`;
}

function truncated(reason: string): string {
  return Buffer.byteLength(reason) <= reasonMaxBytes ? reason : reason.slice(0, reasonMaxBytes / 3);
}
