import { systemClock as clock } from "@realchat/presence-runtime/clock";
import type { SessionRef } from "../../services/presence/domain/session.ts";
import type { PresenceStore, RefreshResult } from "../../services/presence/store/store.ts";
import { closedLoop } from "../load/closed-loop.ts";
import { openLoop } from "../load/open-loop.ts";
import type { NextOf } from "../load/turns.ts";

type Refreshing = Pick<PresenceStore, "refresh">;

/**
 * As many calls as are in flight, the next one as soon as one is answered: RefreshSession, or RefreshSessions with so
 * many sessions each.
 * @param load.count heartbeats, a multiple of `sessionsPerCall`
 */
export async function refreshAll(
  store: Refreshing,
  next: NextOf<SessionRef>,
  { count, inFlight, sessionsPerCall = 1 }: { count: number; inFlight: number; sessionsPerCall?: number },
): Promise<void> {
  let lost = 0;
  const missing = new Int32Array(count / sessionsPerCall).fill(sessionsPerCall);
  let answered = () => {};
  const reply = ({ kind }: RefreshResult, call: number) => {
    if (kind !== "refreshed") lost += 1;
    missing[call] = (missing[call] as number) - 1;
    if (missing[call] === 0) answered();
  };
  await closedLoop({ count: missing.length, inFlight }, (call, isOver) => {
    answered = isOver;
    for (let session = 0; session < sessionsPerCall; session++) store.refresh(next(), reply, call);
  });
  if (lost > 0) throw new Error(`${lost} of ${count} heartbeats were not answered with success`);
}

/**
 * Heartbeats at a fixed rate, as an open loop.
 * @returns ms from when each was due to its answer; infinite for those that the store refused for having too many
 */
export async function refreshAtPace(
  store: Refreshing,
  next: NextOf<SessionRef>,
  load: { perSecond: number; count: number },
): Promise<Float64Array> {
  const dueMs = new Float64Array(load.count);
  const latencies = new Float64Array(load.count);
  const finished = Promise.withResolvers<void>();
  let answers = 0;
  const reply = ({ kind }: RefreshResult, index: number) => {
    const passedMs = clock.monotonicMs() - (dueMs[index] as number);
    latencies[index] = kind === "refreshed" ? passedMs : Number.POSITIVE_INFINITY;
    answers += 1;
    if (answers === load.count) finished.resolve();
  };
  await openLoop(load, (index, due) => {
    dueMs[index] = due;
    store.refresh(next(), reply, index);
  });
  await finished.promise;
  return latencies;
}

/** Answers whatever was asked in one turn of the event loop in the next: what is left is the generator's own cost. */
export class EmptyStore implements Refreshing {
  #waiting: (() => void)[] = [];

  refresh(...[, reply, tag]: Parameters<Refreshing["refresh"]>): void {
    if (this.#waiting.length === 0) setImmediate(() => this.#answer());
    this.#waiting.push(() => reply({ kind: "refreshed" }, tag));
  }

  #answer(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const answer of waiting) answer();
  }
}
