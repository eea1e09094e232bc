import type { Clock } from "@realchat/presence-runtime";
import type { ErrorCode } from "./frame/frame.ts";
import type { RpcLimits } from "./limits.ts";
import type { CallContext, CallObserver, Service } from "./service.ts";

/** PEM texts. With `clientCa`, callers must present a certificate it signed (mutual TLS). */
export interface RpcServerTls {
  readonly certificate: string;
  readonly key: string;
  readonly clientCa?: string;
}

export interface RpcServerOptions {
  readonly services: readonly Service[];
  readonly observer?: CallObserver;
  /** Told of whatever a handler threw that is not an RpcError: a bug of ours. Must not throw. */
  readonly onInternalError?: (method: string, error: unknown, call?: CallContext) => void;
  readonly tls?: RpcServerTls;
  /** Those that shall differ from `defaultLimits`. */
  readonly limits?: Partial<RpcLimits>;
  /** For all that takes time: deadlines, time limits, the grace of a drain, what the observer is told; default the machine's. */
  readonly clock?: Clock;
}

/** Counts since the start, but for `connections` and `streams`, which are those open now. */
export interface RpcServerMetrics {
  readonly connections: number;
  readonly connectionsTotal: number;
  readonly streams: number;
  readonly streamsTotal: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly resetsReceived: number;
  /** By error code of RFC 9113 §7. */
  readonly resetsSent: Readonly<Record<ErrorCode, number>>;
  /** By the name of the limit. */
  readonly limitsHit: Readonly<Record<keyof RpcLimits, number>>;
}

/** A gRPC server, whichever engine carries it. */
export interface RpcServer {
  /**
   * Starts listening.
   * @param address host: name or address, IPv6 without brackets; empty: every interface
   * @returns the port that was bound, which matters when 0 was asked for
   * @throws Error that says what keeps the address from being used
   */
  listen(address: { host: string; port: number }): Promise<number>;
  /** Lets open calls finish, for at most `graceMs`, then ends them; resolves when nothing is open. */
  drain(graceMs: number): Promise<void>;
}
