import { type Duration, durationMs } from "@realchat/presence-proto/duration";

/** What is assumed until presence dictates something else: its defaults, ms. */
interface AssumedPace {
  readonly intervalMs: number;
  readonly ttlMs: number;
}

/** What no server can mean, ms. */
const intervalMinMs = 50;

/** The pace that presence dictates, which may change with each answer. */
export class ServerPace {
  #intervalMs: number;
  #ttlMs: number;

  constructor({ intervalMs, ttlMs }: AssumedPace) {
    this.#intervalMs = intervalMs;
    this.#ttlMs = ttlMs;
  }

  /** Milliseconds between two heartbeats. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** Milliseconds that a session, or a lease, lives without. */
  get ttlMs(): number {
    return this.#ttlMs;
  }

  /** Takes over what an answer says; what it leaves out stays. */
  adopt({ heartbeatInterval, ttl }: { heartbeatInterval?: Duration | undefined; ttl?: Duration | undefined }): void {
    if (heartbeatInterval !== undefined) this.#intervalMs = Math.max(intervalMinMs, durationMs(heartbeatInterval));
    if (ttl !== undefined && durationMs(ttl) > 0) this.#ttlMs = durationMs(ttl);
  }
}
