import type { Clock } from "@realchat/presence-runtime";
import type { CallObserver, Service } from "./service.ts";

export interface RpcServerOptions {
  readonly services: readonly Service[];
  readonly observer?: CallObserver;
  /** Told of whatever a handler threw that is not an RpcError: a bug of ours. Must not throw. */
  readonly onInternalError?: (method: string, error: unknown) => void;
  /** PEM texts. With `clientCa`, callers must present a certificate it signed (mutual TLS). */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientCa?: string };
  /** Bytes, of one request after decompression; default 4 MiB. Larger: RESOURCE_EXHAUSTED. */
  readonly messageMaxBytes?: number;
  /** Calls open at once on one connection; default 1,000. */
  readonly connectionMaxCalls?: number;
  /** Connections open at once; default 1,000. More are closed as soon as they are accepted. */
  readonly connectionsMax?: number;
  /** For the grace of a drain and the durations that the observer is told; default the machine's. */
  readonly clock?: Clock;
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
