import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import { systemClock as clock } from "@realchat/presence-runtime/clock";
import type { SessionRef } from "../../services/presence/domain/session.ts";
import type { RedisStore } from "../../services/presence/store/redis/redis-store.ts";
import type { Identity } from "../load/identities.ts";

/** @returns ms */
export function p99Of(...latenciesUs: readonly RecordableHistogram[]): number {
  const all = createHistogram();
  for (const some of latenciesUs) all.add(some);
  return all.percentile(99) / 1_000;
}

const retryMs = 200;
/** Registrations that wait for an answer. */
const registeringMax = 256;

/**
 * Gateways that keep sessions as the contract asks for: heartbeats spread evenly over a period, and what is missing is
 * registered again. They call the store of a node that publishes nothing, so that what they cost is the store's.
 */
export class Gateways {
  readonly #store: RedisStore;
  readonly #people: readonly Identity[];
  readonly #sessions: SessionRef[];
  readonly #periodMs: number;
  readonly #lost: number[] = [];
  /** By session, 1 while its heartbeat waits for an answer: no gateway sends another before. */
  readonly #asked: Uint8Array;
  #registering = 0;
  #latenciesUs = createHistogram();
  #isStopped = false;
  #startMs = 0;
  #begun = 0;
  /** Registrations of sessions that presence had lost. */
  cameBack = 0;
  /** Calls that had to be repeated. */
  failures = 0;

  /** @param sessions of the people, in their order */
  constructor(
    store: RedisStore,
    people: readonly Identity[],
    sessions: readonly SessionRef[],
    { periodMs }: { periodMs: number },
  ) {
    this.#store = store;
    this.#people = people;
    this.#sessions = [...sessions];
    this.#periodMs = periodMs;
    this.#asked = new Uint8Array(sessions.length);
  }

  start(): void {
    this.#startMs = clock.monotonicMs();
    this.#step();
  }

  stop(): void {
    this.#isStopped = true;
  }

  /**
   * Millions of them would hold up heartbeats if they were kept, or sorted.
   * @returns µs from when each heartbeat was due to its answer, since the last time that this was asked
   */
  takeLatencies(): RecordableHistogram {
    const taken = this.#latenciesUs;
    this.#latenciesUs = createHistogram();
    return taken;
  }

  #step(): void {
    if (this.#isStopped) return;
    const { length } = this.#sessions;
    const due = Math.floor(((clock.monotonicMs() - this.#startMs) * length) / this.#periodMs);
    for (; this.#begun < due; this.#begun++) {
      const index = this.#begun % length;
      if (this.#asked[index] === 1) continue;
      this.#asked[index] = 1;
      this.#refresh(index, this.#startMs + (this.#begun / length) * this.#periodMs);
    }
    clock.after(1, () => this.#step());
  }

  #refresh(index: number, dueMs: number): void {
    const reply = ({ kind }: { readonly kind: string }) => {
      if (kind === "failed") return this.#again(() => this.#refresh(index, dueMs));
      this.#asked[index] = 0;
      this.#latenciesUs.record(Math.ceil(Math.max(clock.monotonicMs() - dueMs, 0.001) * 1_000));
      if (kind === "missing") this.#comeBack(index);
    };
    this.#store.refresh(this.#sessions[index] as SessionRef, reply, 0);
  }

  #comeBack(index: number): void {
    this.#lost.push(index);
    if (this.#registering < registeringMax) void this.#registerAll();
  }

  async #registerAll(): Promise<void> {
    this.#registering += 1;
    for (let index = this.#lost.pop(); index !== undefined; index = this.#lost.pop()) {
      const again = index;
      const { userId, deviceId, sessionId } = this.#sessions[index] as SessionRef;
      const registration = { ...(this.#people[index] as Identity), previousSessionId: sessionId };
      const answer = await this.#store.register(registration).catch(() => undefined);
      if (answer?.kind === "registered") {
        this.#sessions[index] = { userId, deviceId, sessionId: answer.sessionId };
        this.cameBack += 1;
      } else this.#again(() => this.#comeBack(again));
    }
    this.#registering -= 1;
  }

  #again(call: () => void): void {
    this.failures += 1;
    clock.after(retryMs, () => {
      if (!this.#isStopped) call();
    });
  }
}
