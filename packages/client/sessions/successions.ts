import { backoffMs } from "@realchat/presence-runtime/backoff";
import { type Clock, pause } from "@realchat/presence-runtime/clock";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import type { HeldSession } from "./held-session.ts";
import { deviceKey } from "./session-ids.ts";

/** What the contract lets one BatchGetUserDevices call ask for, by far. */
const batchMaxSessions = 1_000;
const attempts = 3;
const retryPace = { firstMs: 250, capMs: 2_000 };

interface SuccessionsOptions {
  readonly clock: Clock;
  readonly api: PresenceApi;
  readonly instanceId: string;
  readonly callTimeoutMs: number;
  /** Sessions that wait to be looked up; beyond, the successor counts as gone. */
  readonly waitingMax: number;
  /** Whether this gateway has a live session of the device. */
  holds(session: HeldSession): boolean;
}

/**
 * Finds out whether the sessions that took the place of ours live. One that replaced another may have ended at once, as
 * when its client was gone already: then the client of the replaced one may be alive, and must come back.
 *
 * In batches: one is under way at a time, and sessions that come meanwhile are in the next. Without an answer a
 * successor counts as gone: a client that comes back in vain costs less than one that stays away for good.
 */
export class Successions {
  readonly #options: SuccessionsOptions;
  readonly #waiting = new Set<HeldSession>();
  readonly #stop = new AbortController();
  #isRunning = false;

  constructor(options: SuccessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Tells the session, once it is known. */
  ask(session: HeldSession): void {
    if (this.#waiting.size >= this.#options.waitingMax) {
      session.succeededBy("nobody");
      return;
    }
    this.#waiting.add(session);
    if (!this.#isRunning) void this.#run();
  }

  stop(): void {
    this.#stop.abort();
    this.#waiting.clear();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, batchMaxSessions);
      for (const session of batch) this.#waiting.delete(session);
      const holders = await this.#look(batch);
      for (const session of batch) session.succeededBy(this.#lives(session, holders) ? "newer-connection" : "nobody");
    }
    this.#isRunning = false;
  }

  /** What an unanswered registration of ours has left behind, and we do not hold, is a ghost: no gateway refreshes it. */
  #lives(session: HeldSession, holders: ReadonlyMap<string, string>): boolean {
    const holder = holders.get(session.deviceKey);
    const isPerhapsGhost = session.isUncertain && holder === this.#options.instanceId;
    return isPerhapsGhost ? this.#options.holds(session) : holder !== undefined;
  }

  /** @returns the instance that holds each device; empty without an answer */
  async #look(batch: readonly HeldSession[]): Promise<ReadonlyMap<string, string>> {
    const { api, clock, callTimeoutMs } = this.#options;
    const userIds = [...new Set(batch.map(({ userId }) => userId))];
    const holders = new Map<string, string>();
    for (let attempt = 0; attempt < attempts && !this.#stop.signal.aborted; attempt++) {
      try {
        const { users } = await api.batchGetUserDevices({ userIds }, { timeoutMs: callTimeoutMs });
        for (const { userId, devices } of users) {
          for (const { deviceId, instanceId } of devices) holders.set(deviceKey({ userId, deviceId }), instanceId);
        }
        return holders;
      } catch {
        if (attempt < attempts - 1) await pause(clock, backoffMs(attempt, retryPace, clock), this.#stop.signal);
      }
    }
    return holders;
  }
}
