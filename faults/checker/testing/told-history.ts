import type { History } from "../../history/history.ts";
import type { InjectedFault } from "../../history/injected-fault.ts";
import type { LeaseCall, LeaseLife, LeaseOutcome } from "../../history/lease-life.ts";
import { ReaderHistory } from "../../history/reader-history.ts";
import type { CallerKind, Outcome, SessionCall, SessionEnd, SessionLife } from "../../history/session-life.ts";

import { standardTiming } from "../../standard-run.ts";

const callMs = 5;

/**
 * A run as a test tells it, in seconds from its beginning: TTL 6 s, grace 2 s, leases of 8 s whose sessions have 12 s, one
 * user, three readers who say the truth.
 */
export class ToldHistory {
  readonly kafka = new ReaderHistory("kafka", "kafka");
  readonly watch = new ReaderHistory("watch", "watch", 0);
  readonly poll = new ReaderHistory("poll", "poll", 0);
  readonly #lives: SessionLife[] = [];
  readonly #faults: InjectedFault[] = [];

  session(id: string, kind: CallerKind = "token", deviceId = "phone"): SessionLife {
    const life: SessionLife = { id, userId: "alice", deviceId, kind, gateway: `${kind}-gateway`, calls: [] };
    this.#lives.push(life);
    return life;
  }

  fault(kind: string, from: number, to: number, allowance: Partial<InjectedFault["allowance"]>): this {
    const span = { beganMs: from * 1_000, healedMs: to * 1_000 };
    this.#faults.push({ kind, target: "it", ...span, allowance: { unavailableAfterMs: 0, ...allowance } });
    return this;
  }

  /** All readers hear of it at once. @param readers who else it is kept from */
  transition(at: number, online: boolean, version: number, cause: string, readers = [this.kafka, this.watch]): this {
    for (const reader of readers) {
      reader.transitions.push({ atMs: at * 1_000, userId: "alice", online, version, shard: 0, cause });
      this.believe(reader, at, online ? "online" : "offline", version);
    }
    return this;
  }

  believe(reader: ReaderHistory, at: number, belief: "online" | "offline" | "unsure", version: number): this {
    const atMs = at * 1_000;
    reader.statements.push({ atMs, sinceMs: atMs, userId: "alice", belief, version, why: "told" });
    return this;
  }

  answer(at: number, belief: "online" | "offline", version: number): this {
    const statement = {
      atMs: at * 1_000 + callMs,
      sinceMs: at * 1_000,
      userId: "alice",
      belief,
      version,
      why: "answer",
    };
    this.poll.statements.push(statement);
    return this;
  }

  until(end: number): History {
    return {
      timing: standardTiming,
      ...{ beganMs: 0, endedMs: end * 1_000, users: ["alice"], lives: this.#lives, faults: this.#faults },
      ...{ readers: [this.kafka, this.watch, this.poll], stalls: [] },
    };
  }
}

export function call(at: number, what: SessionCall["what"], outcome: Outcome = "ok", version?: number): SessionCall {
  return { what, sentMs: at * 1_000, endedMs: at * 1_000 + callMs, outcome, version };
}

/** Registered at `from`, refreshed every 2 s up to `to`, then gone without a word. */
export function keepAlive(life: SessionLife, from: number, to: number, version: number): void {
  life.calls.push(call(from, "register", "ok", version));
  for (let at = from + 2; at <= to; at += 2) life.calls.push(call(at, "refresh"));
  life.releasedMs = to * 1_000 + callMs;
}

export function endAt(life: SessionLife, at: number, reason: SessionEnd["reason"], isLate = false): void {
  life.calls.push(call(at, "unregister"));
  life.end = { sentMs: at * 1_000, reason, isLate, confirmedMs: at * 1_000 + callMs };
  life.releasedMs = at * 1_000;
}

export function leaseCall(at: number, what: LeaseCall["what"], outcome: LeaseOutcome = "ok"): LeaseCall {
  return { what, sentMs: at * 1_000, endedMs: at * 1_000 + callMs, outcome };
}

/** Opened at `from`, kept every second up to `to`; then its process is gone. */
export function keptLease(from: number, to: number): LeaseLife {
  const calls = [leaseCall(from, "open")];
  for (let at = from + 1; at <= to; at++) calls.push(leaseCall(at, "keep"));
  return { id: "lease", gateway: "leased-gateway", calls, releasedMs: to * 1_000 + callMs };
}

/** Registered under the lease at `from` and verified every 4 s, until the lease's process is gone. */
export function keepUnder(lease: LeaseLife, life: SessionLife, from: number, version: number): void {
  const releasedMs = lease.releasedMs as number;
  life.calls.push({ ...call(from, "register", "ok", version), lease });
  for (let at = from + 4; at * 1_000 <= releasedMs; at += 4) life.calls.push({ ...call(at, "refresh"), lease });
  life.releasedMs = releasedMs;
}

/** The process says good-bye: it closes the lease, and with it these sessions. */
export function closeAt(lease: LeaseLife, at: number, lives: readonly SessionLife[]): void {
  lease.calls.push(leaseCall(at, "close"));
  lease.releasedMs = at * 1_000;
  for (const life of lives) {
    life.end = { sentMs: at * 1_000, reason: "server-drain", isLate: false, confirmedMs: at * 1_000 + callMs };
    life.releasedMs = at * 1_000;
  }
}
