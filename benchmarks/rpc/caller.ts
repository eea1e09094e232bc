import { fileURLToPath } from "node:url";
import type { GoPrograms } from "./go-programs.ts";
import { LineProcess } from "./line-process.ts";

interface Calling {
  /** `host:port` of the server. */
  readonly address: string;
  /** PEM file of the authority that the server's certificate is from; undefined: plain text. */
  readonly ca?: string | undefined;
  readonly method: Method;
  readonly connections: number;
  /** Calls in flight on each connection. */
  readonly inFlight: number;
}

export type Method = "refresh-session" | "get-presence" | "watch-presence";

/** A round of calls. */
export interface Round {
  readonly forMs: number;
  /** Calls begun each second, whether or not others were answered; undefined: each caller waits for its answer. */
  readonly perSecond?: number;
}

export interface Outcome {
  readonly calls: number;
  readonly messages: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/**
 * A real gRPC client in a process of its own: grpc-go where it could be built, else grpc-js. Each of its calls has a
 * deadline and metadata of its own.
 */
export class Caller {
  readonly #process: LineProcess;

  constructor(go: GoPrograms | undefined, { address, ca, method, connections, inFlight }: Calling) {
    const flags = {
      address,
      ...(ca !== undefined && { ca }),
      method,
      connections: String(connections),
      "in-flight": String(inFlight),
    };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    this.#process =
      go === undefined ? new LineProcess(process.execPath, [grpcJsClient, ...args]) : new LineProcess(go.client, args);
  }

  /** @throws Error when a call fails */
  call(round: Round): Promise<Outcome> {
    return this.#process.ask(round);
  }

  end(): Promise<void> {
    return this.#process.end();
  }
}

const grpcJsClient = fileURLToPath(new URL("./clients/grpc-js-client.ts", import.meta.url));
