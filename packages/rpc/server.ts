import type { CallObserver, Service } from "./service.ts";

export interface RpcServerOptions {
  readonly services: readonly Service[];
  readonly observer?: CallObserver;
  /** PEM texts. With `clientCa`, callers must present a certificate it signed (mutual TLS). */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly clientCa?: string };
  /** Bytes, of one request after decompression; default 4 MiB. Larger: RESOURCE_EXHAUSTED. */
  readonly messageMaxBytes?: number;
  /** Calls open at once on one connection; default 1,000. */
  readonly connectionMaxCalls?: number;
}

/** A gRPC server, whichever engine carries it. */
export interface RpcServer {
  /** Starts listening. @returns the port that was bound, which matters when 0 was asked for. */
  listen(address: { host: string; port: number }): Promise<number>;
  /** Lets open calls finish, for at most `graceMs`, then ends them; resolves when nothing is open. */
  drain(graceMs: number): Promise<void>;
}
