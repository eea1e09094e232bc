import { constants } from "node:crypto";
import type { Socket } from "node:net";
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type TLSSocket,
  type Server as TlsServer,
} from "node:tls";
import { type Cancel, type Clock, systemClock } from "@realchat/presence-runtime/clock";
import { BufferPool } from "../connection/buffer-pool.ts";
import { Connection, type ConnectionSurroundings } from "../connection/connection.ts";
import { Counters } from "../connection/counters.ts";
import { Deadlines } from "../grpc/deadlines.ts";
import { RpcAcceptor } from "../grpc/rpc-acceptor.ts";
import { type Interceptor, methodsByPath } from "../grpc/served-method.ts";
import { defaultLimits, type RpcLimits } from "../limits.ts";
import type { RpcServer, RpcServerMetrics, RpcServerOptions, RpcServerTls } from "../server.ts";
import { Stream } from "../stream/stream.ts";
import { Listener } from "./listener.ts";

export interface RpcEngineOptions extends RpcServerOptions {
  /** Stand around every handler, the first one outermost. */
  readonly interceptors?: readonly Interceptor[];
}

export interface RpcEngine extends RpcServer {
  /**
   * Tells the peers that are connected now to go elsewhere (GOAWAY), one after the other over `spreadMs`. Their open calls
   * go on to their end; who connects from now on is served as ever.
   */
  sendAway(spreadMs: number): void;
  /**
   * Connections from now on agree on TLS with these; open ones stay.
   * @throws Error when the certificate or key cannot be used; then all stays as it is
   */
  replaceTls(tls: RpcServerTls): void;
  metrics(): RpcServerMetrics;
}

/**
 * A gRPC server on an HTTP/2 of its own.
 * @throws Error when the TLS certificate or key cannot be used
 */
export function createRpcServer(options: RpcEngineOptions): RpcEngine {
  return new Engine(options);
}

class Engine implements RpcEngine {
  readonly #clock: Clock;
  readonly #limits: RpcLimits;
  readonly #counters = new Counters();
  readonly #deadlines: Deadlines;
  readonly #listener: Listener;
  /** Absent: connections are plaintext. */
  readonly #secure: TlsServer | undefined;
  readonly #connections = new Set<Connection>();
  /** Sockets whose TLS is not agreed on yet, by their peer, and since when they are there. */
  readonly #handshaking = new Map<string, { readonly socket: Socket; readonly sinceMs: number }>();
  readonly #surroundings: { -readonly [Key in keyof ConnectionSurroundings]: ConnectionSurroundings[Key] };
  readonly #stopTicking: Cancel;
  #stopSendingAway: Cancel = () => {};
  #isDraining = false;

  constructor(options: RpcEngineOptions) {
    const { services, interceptors = [], observer, onInternalError, clock = systemClock } = options;
    this.#clock = clock;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#deadlines = new Deadlines(clock);
    const acceptor = new RpcAcceptor(methodsByPath(services, interceptors), {
      ...{ clock, deadlines: this.#deadlines, observer, onInternalError },
      messageMaxBytes: this.#limits.messageMaxBytes,
    });
    this.#surroundings = {
      ...{ limits: this.#limits, counters: this.#counters, pool: new BufferPool(), classify: acceptor.classify },
      nowMs: clock.monotonicMs(),
      monotonicMs: () => clock.monotonicMs(),
      onBug: (error) => onInternalError?.("", error),
      openStream: (connection, id) => new Stream(connection, id, acceptor),
    };
    this.#secure = options.tls && this.#createSecure(options.tls);
    this.#listener = new Listener({
      ...this.#limits,
      accept: (socket, peer) => {
        if (this.#secure === undefined) this.#serve(socket, peer, this.#surroundings.nowMs);
        else this.#shakeHands(this.#secure, socket, peer);
      },
      refused: (limit, peer) => this.#counters.limitHit(limit, peer),
    });
    this.#stopTicking = clock.every(tickMs(this.#limits), () => this.#tick());
  }

  listen({ host, port }: { host: string; port: number }): Promise<number> {
    return this.#listener.listen(host, port);
  }

  sendAway(spreadMs: number): void {
    this.#stopSendingAway();
    const leaving = [...this.#connections];
    const aTurn = Math.ceil((leaving.length * sendAwayPeriodMs) / Math.max(spreadMs, sendAwayPeriodMs));
    const turn = () => {
      for (const connection of leaving.splice(0, aTurn)) connection.drain();
      if (leaving.length === 0) this.#stopSendingAway();
    };
    this.#stopSendingAway = this.#clock.every(sendAwayPeriodMs, turn);
    turn();
  }

  async drain(graceMs: number): Promise<void> {
    this.#isDraining = true;
    this.#stopSendingAway();
    this.#listener.stopAccepting();
    for (const connection of this.#connections) connection.drain();
    for (const { socket } of this.#handshaking.values()) socket.destroy();
    const closed = this.#listener.connectionsClosed();
    const cancel = this.#clock.after(graceMs, () => this.#listener.destroyConnections());
    await closed;
    cancel();
    this.#stopTicking();
    this.#deadlines.close();
  }

  metrics(): RpcServerMetrics {
    const { resetsSent, limitsHit, ...counts } = this.#counters;
    return { ...counts, resetsSent: { ...resetsSent }, limitsHit: { ...limitsHit } };
  }

  replaceTls(tls: RpcServerTls): void {
    withUsableTls(() => this.#secure?.setSecureContext(secureContext(tls)));
  }

  #createSecure(tls: RpcServerTls): TlsServer {
    const isMutual = tls.clientCa !== undefined;
    const peers = { requestCert: isMutual, rejectUnauthorized: isMutual, ALPNProtocols: ["h2"] };
    const secure = withUsableTls(() => createTlsServer({ ...secureContext(tls), ...peers }));
    secure.on("secureConnection", (socket) => this.#serveSecurely(socket));
    secure.on("tlsClientError", (_error, socket) => socket.destroy());
    return secure;
  }

  #shakeHands(secure: TlsServer, socket: Socket, peer: string): void {
    this.#handshaking.set(peer, { socket, sinceMs: this.#surroundings.nowMs });
    socket.on("close", () => this.#handshaking.delete(peer));
    secure.emit("connection", socket);
  }

  #serveSecurely(socket: TLSSocket): void {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    const sinceMs = this.#handshaking.get(peer)?.sinceMs ?? this.#surroundings.nowMs;
    this.#handshaking.delete(peer);
    // RFC 9113 §3.2: HTTP/2 over TLS is agreed on by ALPN.
    if (socket.alpnProtocol === "h2") this.#serve(socket, peer, sinceMs);
    else socket.destroy();
  }

  #serve(socket: Socket, peer: string, acceptedMs: number): void {
    socket.on("error", () => undefined);
    const connection = new Connection(socket, peer, acceptedMs, this.#surroundings);
    this.#connections.add(connection);
    socket.on("close", () => this.#connections.delete(connection));
    if (this.#isDraining) connection.drain();
  }

  #tick(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#surroundings.nowMs = nowMs;
    for (const connection of this.#connections) connection.tick(nowMs);
    for (const [peer, { socket, sinceMs }] of this.#handshaking) {
      if (nowMs - sinceMs <= this.#limits.prefaceTimeoutMs) continue;
      this.#counters.limitHit("prefaceTimeoutMs", peer);
      socket.destroy();
    }
  }
}

const sendAwayPeriodMs = 50;

function secureContext({ certificate, key, clientCa }: RpcServerTls): SecureContextOptions {
  // RFC 9113 §9.2.1: over TLS 1.2 there is no renegotiation.
  const asHttp2 = { minVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_RENEGOTIATION } as const;
  return { cert: certificate, key, ...(clientCa !== undefined && { ca: clientCa }), ...asHttp2 };
}

function withUsableTls<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`the TLS certificate or key cannot be used: ${why}`, { cause: error });
  }
}

/** Often enough for the shortest of the times that a tick watches over. */
function tickMs(limits: RpcLimits): number {
  const { prefaceTimeoutMs, progressTimeoutMs, idleTimeoutMs, keepaliveTimeMs, keepaliveTimeoutMs } = limits;
  const watched = [prefaceTimeoutMs, progressTimeoutMs, keepaliveTimeMs, keepaliveTimeoutMs, idleTimeoutMs || 1e6];
  return Math.min(1_000, Math.max(10, Math.min(...watched) / 4));
}
