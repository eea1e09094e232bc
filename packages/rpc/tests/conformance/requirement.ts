import type { RpcServer, RpcServerOptions } from "../../server.ts";
import type { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";

/** A sentence of an RFC that a server can violate, and ways to find out. */
export interface Requirement {
  /** Of RFC 9113, unless it names another. */
  readonly section: string;
  /** The sentence; shortened by … only. */
  readonly sentence: string;
  readonly cases: readonly Case[];
}

export interface Case {
  /** What the client sends, in words. */
  readonly sent: string;
  /** Frames to send at once, or the conversation until the point in question. */
  readonly send: readonly Uint8Array[] | ((client: RawHttp2Client, server: RpcServer) => Promise<void>);
  /** What must come of it. */
  readonly expect: Reaction;
  /** True: `send` begins with the connection; default: both prefaces are exchanged already. */
  readonly fromPreface?: true;
  readonly options?: Partial<RpcServerOptions>;
}

/** @throws Error when something else comes */
export type Reaction = (client: RawHttp2Client) => Promise<void>;
