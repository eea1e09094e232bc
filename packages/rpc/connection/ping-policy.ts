import type { RpcLimits } from "../limits.ts";

/**
 * How often a peer may ask whether we are there. Each PING that comes too soon after the one before is a strike; DATA
 * that we send wipes them away, since the peer may answer it with a PING that measures the path.
 * Source: https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md#server-enforcement
 */
export class PingPolicy {
  readonly #limits: RpcLimits;
  #lastMs = Number.NEGATIVE_INFINITY;
  #strikes = 0;

  constructor(limits: RpcLimits) {
    this.#limits = limits;
  }

  sentToPeer(): void {
    this.#lastMs = Number.NEGATIVE_INFINITY;
    this.#strikes = 0;
  }

  /** @returns whether it may */
  takes(nowMs: number, hasStreams: boolean): boolean {
    const minMs = hasStreams ? this.#limits.pingMinIntervalBusyMs : this.#limits.pingMinIntervalMs;
    if (nowMs - this.#lastMs < minMs) this.#strikes += 1;
    this.#lastMs = nowMs;
    return this.#strikes <= this.#limits.pingStrikes;
  }
}
