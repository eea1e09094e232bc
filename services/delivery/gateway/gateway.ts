import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { OpenSession, SessionHandle } from "@realchat/presence-client";
import type { Address, Clock, LoopTurns, Rate } from "@realchat/presence-runtime";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import type { FrameFormat } from "../push/frame-format.ts";
import type { Push } from "../push/push.ts";
import type { Selves } from "../self/self.ts";
import { type Admitted, admit } from "./admission.ts";
import type { Authenticator } from "./authentication/authenticator.ts";
import { headersMaxBytes, refusalOfBroken } from "./broken-request.ts";
import { type Close, closes } from "./close-codes.ts";
import { Connection, type ConnectionSetting, type End } from "./connection.ts";
import { CorkedStreams } from "./corked-streams.ts";
import type { GatewayMetrics } from "./gateway-metrics.ts";
import { type Handshake, type HandshakeOptions, readHandshake } from "./handshake.ts";
import { HandshakeTurns } from "./handshake-turns.ts";
import { envelopeFrames, envelopeProtocol } from "./protocols/envelope-frames.ts";
import { jsonFrames, jsonProtocol } from "./protocols/json-frames.ts";
import { isRefusal, type Refusal, type RefusalReason, refuse, refuseRequest } from "./refusal.ts";
import { type Place, type SocketLimitOptions, SocketLimits } from "./socket-limits.ts";
import { spreadOut } from "./spread-out.ts";
import { TimerWheel } from "./timer-wheel.ts";
import { agree, asksForWebSocket, notUpgraded, wrongWithUpgrade } from "./upgrade.ts";

/** PEM texts. */
interface GatewayTls {
  readonly certificate: string;
  readonly key: string;
}

export interface GatewayOptions {
  readonly authenticator: Authenticator;
  readonly sessions: { open(session: OpenSession): SessionHandle };
  readonly push: Pick<Push, "connect">;
  readonly selves: Pick<Selves, "connect">;
  readonly clock: Clock;
  readonly turns: Pick<LoopTurns, "waitedMs">;
  readonly handshake: HandshakeOptions & {
    /** Origins of pages that may open sockets, besides the gateway's own; `*`: any. */
    readonly origins: ReadonlySet<string>;
    readonly timeoutMs: number;
  };
  readonly limits: SocketLimitOptions & {
    /** Handshakes that wait for their turn at most. */
    readonly handshakesMax: number;
    readonly messageMaxBytes: number;
    readonly messageRate: Rate;
  };
  readonly liveness: { readonly pingEveryMs: number; readonly pongWithinMs: number };
  /** undefined: no TLS. */
  readonly tls: GatewayTls | undefined;
  /** Answers plain HTTP requests. */
  readonly page: (request: IncomingMessage, response: ServerResponse) => void;
  readonly onInternalError: (error: unknown) => void;
  /** Called when a page of this origin was refused. */
  readonly onForeignOrigin?: (origin: string) => void;
}

/** A handshake that only has to be answered. */
interface Decided {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly place: Place;
  readonly outcome: Admitted | Refusal;
  readonly protocol: string | undefined;
  readonly handshake: Handshake;
  readonly arrivedMs: number;
}

/** After a handshake that may have waited longer, the session is registered only once the client answered a ping, ms. */
const handshakeWaitMaxMs = 250;
/** Connections beyond the sockets, for handshakes and HTTP requests. */
const connectionsBeside = 1_000;
/** One for its liveness, one for the expiry of its token. */
const timersPerSocket = 2;
const closeTimeoutMs = 2_000;
const drainStepMs = 50;
/** Connections that the kernel keeps until they are accepted; it takes no more than net.core.somaxconn. Source: listen(2) */
const backlog = 65_535;

/** The WebSocket server: checks handshakes, and gives each socket its session and its subscription to push. */
export class Gateway {
  readonly #options: GatewayOptions;
  readonly #http: Server;
  /** The same, when it speaks TLS. */
  readonly #secure: TlsServer | undefined;
  readonly #sockets: WebSocketServer;
  readonly #limits: SocketLimits;
  readonly #handshakes: HandshakeTurns;
  readonly #overloaded: Refusal;
  readonly #wheel: TimerWheel;
  readonly #setting: ConnectionSetting;
  readonly #connections = new Set<Connection>();
  readonly #refused: Partial<Record<RefusalReason, number>> = {};
  readonly #closed: Record<string, number> = {};
  readonly #messages: Record<string, number> = {};
  #opened = 0;
  #isDraining = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { clock, limits, liveness, handshake, tls } = options;
    this.#limits = new SocketLimits(limits);
    this.#handshakes = new HandshakeTurns({ clock, waitingMax: limits.handshakesMax });
    const message = `${limits.handshakesMax} clients wait for this gateway, its limit: try another one, or later`;
    this.#overloaded = { reason: "overloaded", status: 503, message };
    this.#wheel = new TimerWheel(clock, Math.min(1_000, liveness.pongWithinMs / 4));
    this.#setting = {
      clock,
      wheel: this.#wheel,
      corked: new CorkedStreams(),
      ...liveness,
      messageRate: limits.messageRate,
      onEnd: (connection, end) => this.#ended(connection, end),
      onMessage: (kind) => increment(this.#messages, kind),
    };
    // Its types do not know closeTimeout yet.
    const socketOptions: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      autoPong: false,
      perMessageDeflate: false,
      maxPayload: limits.messageMaxBytes,
      closeTimeout: closeTimeoutMs,
    };
    this.#sockets = new WebSocketServer(socketOptions);
    const timeouts = {
      headersTimeout: handshake.timeoutMs,
      requestTimeout: handshake.timeoutMs,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: Math.min(1_000, handshake.timeoutMs),
      maxHeaderSize: headersMaxBytes,
      shouldUpgradeCallback: asksForWebSocket,
    };
    const { timeoutMs: handshakeTimeout } = handshake;
    this.#secure = tls && createTlsServer({ ...timeouts, handshakeTimeout, cert: tls.certificate, key: tls.key });
    this.#http = this.#secure ?? createServer(timeouts);
    this.#http.maxConnections = limits.socketsMax + connectionsBeside;
    this.#http.on("connection", () => this.#handshakes.accepted());
    this.#http.on("drop", () => increment(this.#refused, "connections"));
    this.#http.on("request", (request, response) => this.#serve(request, response));
    this.#http.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => this.#refuseBroken(error, socket));
    this.#http.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(request, socket, head).catch((error: unknown) => {
        socket.destroy();
        options.onInternalError(error);
      });
    });
  }

  get metrics(): GatewayMetrics {
    const { socketsMax, handshakesMax } = this.#options.limits;
    return {
      sockets: this.#connections.size,
      opened: this.#opened,
      refused: this.#refused,
      closed: this.#closed,
      messages: this.#messages,
      bounds: {
        places: { used: this.#limits.total, limit: socketsMax },
        handshakes: { used: this.#handshakes.size, limit: handshakesMax },
        timers: { used: this.#wheel.size, limit: timersPerSocket * socketsMax },
      },
    };
  }

  /** @returns the port that was bound, which matters when 0 was asked for */
  listen(address: Address): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#http.once("error", reject);
      const { port, host } = address;
      this.#http.listen({ port, backlog, ...(host !== "" && { host }) }, () => {
        this.#http.off("error", reject);
        resolve((this.#http.address() as AddressInfo).port);
      });
    });
  }

  /** Connections from now on agree on TLS with these; open ones stay. @throws Error when they cannot be used */
  replaceTls({ certificate, key }: GatewayTls): void {
    this.#secure?.setSecureContext({ cert: certificate, key });
  }

  /**
   * Opens no more sockets, and closes the open ones, evenly over at most the time given, so that their clients do not
   * arrive elsewhere all at once.
   */
  async drain(spreadMs: number): Promise<void> {
    this.#isDraining = true;
    this.#http.close();
    const spread = { overMs: spreadMs, stepMs: drainStepMs, clock: this.#options.clock };
    await spreadOut([...this.#connections], spread, (connection) => connection.close("restart"));
  }

  /** Drops all connections. */
  close(): void {
    for (const connection of this.#connections) connection.terminate();
    this.#http.close();
    this.#http.closeAllConnections();
    this.#wheel.close();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (!/^\/ws(?:\?|$)/.test(request.url ?? "")) {
      this.#options.page(request, response);
      return;
    }
    increment(this.#refused, notUpgraded.reason);
    refuseRequest(response, notUpgraded, this.#options.clock);
  }

  #refuseBroken({ code }: NodeJS.ErrnoException, socket: Socket): void {
    const refusal = refusalOfBroken(code);
    // Browsers connect ahead of time and send nothing; and an answer in flight must not be interrupted.
    const isAsking = socket.writable && socket.bytesRead > 0 && socket.bytesWritten === 0;
    if (refusal !== undefined && isAsking) this.#refuse(socket, refusal);
    else socket.destroy();
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // The client may go away during the checks: its place is left when the socket closes.
    socket.on("error", ignore);
    const wrong = wrongWithUpgrade(request);
    if (wrong !== undefined) {
      this.#refuse(socket, wrong);
      return;
    }
    const arrivedMs = this.#options.clock.monotonicMs() - this.#options.turns.waitedMs;
    const handshake = readHandshake(request, this.#options.handshake);
    const protocol = protocolAmong(handshake.protocols);
    agree(request, protocol);
    const place = this.#isDraining
      ? draining
      : this.#handshakes.isFull
        ? this.#overloaded
        : this.#limits.enter(handshake.address);
    if (isRefusal(place)) {
      this.#refuse(socket, place);
      return;
    }
    leaveAtClose(place, socket);
    const outcome = await admit(handshake, { ...this.#options, ...this.#options.handshake, formats });
    if (this.#handshakes.isFull) {
      this.#refuse(socket, this.#overloaded);
      return;
    }
    this.#handshakes.add(() => {
      try {
        this.#answer({ request, socket, head, place, outcome, protocol, handshake, arrivedMs });
      } catch (error) {
        socket.destroy();
        this.#options.onInternalError(error);
      }
    });
  }

  /** Opens the socket, or says why not. */
  #answer({ request, socket, head, place, outcome, protocol, handshake, arrivedMs }: Decided): void {
    if (isGone(socket)) {
      increment(this.#refused, "gone");
      socket.destroy();
      return;
    }
    const refusal = isRefusal(outcome) ? outcome : place.assignUser(outcome.userId);
    const admitted = isRefusal(outcome) ? undefined : outcome;
    if (refusal === undefined && admitted !== undefined) {
      // What a socket is told first comes in one segment with its handshake.
      socket.cork();
      this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#open(opened, socket, admitted, arrivedMs));
      socket.uncork();
    } else if (refusal !== undefined) {
      if (refusal.reason === "foreign_origin") this.#options.onForeignOrigin?.(handshake.origin ?? "");
      const close = closeFor(refusal, protocol);
      if (close === undefined) this.#refuse(socket, refusal);
      else this.#refuseWithCloseCode(request, socket, head, refusal, close);
    }
  }

  #open(socket: WebSocket, stream: Duplex, admitted: Admitted, cameMs: number): void {
    const { push, selves, clock } = this.#options;
    const { userId, roles, format, expiresAtMs } = admitted;
    // From here on ws listens to that.
    stream.off("error", ignore);
    const connection = new Connection(socket, { stream, format, expiresAtMs, setting: this.#setting });
    this.#opened++;
    this.#connections.add(connection);
    if (this.#isDraining) {
      connection.close("restart");
      return;
    }
    connection.pong();
    connection.setSubscription(push.connect(userId, connection, roles));
    connection.setSelf(selves.connect(userId, connection));
    if (clock.monotonicMs() - cameMs <= handshakeWaitMaxMs) this.#register(connection, admitted, cameMs);
    else connection.confirmAlive((askedMs) => this.#register(connection, admitted, askedMs));
  }

  /** @param aliveAtMs when the client was alive for certain: a client that gave up connected elsewhere after that */
  #register(connection: Connection, { userId, deviceId }: Admitted, aliveAtMs: number): void {
    try {
      connection.setSession(this.#options.sessions.open({ userId, deviceId, aliveAtMs }));
    } catch (error) {
      this.#options.onInternalError(error);
      connection.close("full");
    }
  }

  #ended(connection: Connection, end: End): void {
    this.#connections.delete(connection);
    increment(this.#closed, nameOf(end));
  }

  #refuse(socket: Duplex, refusal: Refusal): void {
    increment(this.#refused, refusal.reason);
    refuse(socket, refusal, this.#options.clock);
  }

  /** Pages cannot read the HTTP answer to a handshake: the socket is opened, and closed with a code. */
  #refuseWithCloseCode(request: IncomingMessage, socket: Duplex, head: Buffer, refusal: Refusal, close: Close): void {
    increment(this.#refused, refusal.reason);
    this.#sockets.handleUpgrade(request, socket, head, (opened) => {
      opened.on("error", ignore);
      opened.close(closes[close].code, closes[close].text);
    });
  }
}

// Listeners that live as long as the socket are made out here: a closure made in a method would keep all that the method's
// other closures use, and so the request with its headers and its token.

function ignore(): void {}

function leaveAtClose(place: Place, socket: Duplex): void {
  socket.on("close", () => place.leave());
}

/** A peer that sent a FIN is not a WebSocket client any more, though it might still read. */
function isGone(socket: Duplex): boolean {
  return socket.destroyed || socket.readableEnded;
}

const formats: Readonly<Record<string, FrameFormat>> = {
  [jsonProtocol]: jsonFrames,
  [envelopeProtocol]: envelopeFrames,
};

function protocolAmong(offered: readonly string[]): string | undefined {
  return [jsonProtocol, envelopeProtocol].find((protocol) => offered.includes(protocol));
}

const draining: Refusal = {
  reason: "draining",
  status: 503,
  message: "this gateway is going away: connect again, to another one",
};

/** Clients of the newer protocol read close codes. A refusal by a limit is not worth an upgrade. */
function closeFor({ reason }: Refusal, protocol: string | undefined): Close | undefined {
  if (protocol !== jsonProtocol) return undefined;
  return reason === "unauthenticated" ? "token_refused" : reason === "forbidden" ? "forbidden" : undefined;
}

const usualCodes: ReadonlySet<number> = new Set([1000, 1001, 1002, 1005, 4001]);

function nameOf(end: End): string {
  if (typeof end === "string") return end;
  return usualCodes.has(end.code) ? `client_${end.code}` : "client_other";
}

function increment(counts: Record<string, number | undefined>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
