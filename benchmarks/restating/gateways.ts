import { systemClock as clock } from "@realchat/presence-runtime/clock";
import type { SessionRef } from "../../services/presence/domain/session.ts";
import { CallFailure, type PresenceClient } from "../../services/presence/testing/presence-client.ts";
import type { Identity } from "../load/identities.ts";

/** Sessions of one call, which are due together. */
const batchSessions = 100;
const retryMs = 200;

/** Gateways that keep sessions as the contract asks for: heartbeats spread over a period, and what is missing comes back. */
export class Gateways {
  readonly #client: PresenceClient;
  readonly #people: readonly Identity[];
  readonly #sessions: SessionRef[];
  readonly #periodMs: number;
  #latenciesMs: number[] = [];
  /** Batches, by their first session, that wait for an answer. */
  readonly #waiting = new Set<number>();
  #isStopped = false;
  #startMs = 0;
  #begun = 0;
  /** Registrations of sessions that presence had lost. */
  cameBack = 0;
  /** Calls that had to be repeated. */
  failures = 0;

  /** @param sessions of the people, in their order */
  constructor(
    client: PresenceClient,
    people: readonly Identity[],
    sessions: readonly SessionRef[],
    { periodMs }: { periodMs: number },
  ) {
    this.#client = client;
    this.#people = people;
    this.#sessions = [...sessions];
    this.#periodMs = periodMs;
  }

  start(): void {
    this.#startMs = clock.monotonicMs();
    this.#step();
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** @returns ms from when each call with heartbeats was due to its answer, since the last time that this was asked */
  takeLatencies(): number[] {
    const taken = this.#latenciesMs;
    this.#latenciesMs = [];
    return taken;
  }

  #step(): void {
    if (this.#isStopped) return;
    const batches = Math.ceil(this.#sessions.length / batchSessions);
    const due = Math.floor(((clock.monotonicMs() - this.#startMs) * batches) / this.#periodMs);
    for (; this.#begun < due; this.#begun++) {
      const from = (this.#begun % batches) * batchSessions;
      // A gateway sends nothing about sessions of which it waits for an answer.
      if (this.#waiting.has(from)) continue;
      this.#waiting.add(from);
      const dueMs = this.#startMs + (this.#begun / batches) * this.#periodMs;
      void this.#refresh(from, dueMs).finally(() => this.#waiting.delete(from));
    }
    clock.after(1, () => this.#step());
  }

  async #refresh(from: number, dueMs: number): Promise<void> {
    const sessions = this.#sessions.slice(from, from + batchSessions);
    const { missing } = await this.#repeated(() => this.#client.api.refreshSessions({ sessions }));
    this.#latenciesMs.push(clock.monotonicMs() - dueMs);
    const lost = new Set(missing.map(({ userId }) => userId));
    if (lost.size === 0) return;
    await Promise.all(
      sessions.map(async ({ userId, deviceId, sessionId }, index) => {
        if (!lost.has(userId)) return;
        const registration = { ...(this.#people[from + index] as Identity), previousSessionId: sessionId };
        const answer = await this.#repeated(() => this.#client.api.registerSession(registration));
        this.#sessions[from + index] = { userId, deviceId, sessionId: answer.sessionId };
        this.cameBack += 1;
      }),
    );
  }

  async #repeated<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof CallFailure) || this.#isStopped) throw error;
        this.failures += 1;
        await new Promise<void>((resolve) => clock.after(retryMs, resolve));
      }
    }
  }
}
