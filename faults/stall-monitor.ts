import { type Cancel, type Clock, systemClock } from "@realchat/presence-runtime/clock";
import { coreWaitMs } from "@realchat/presence-testing";
import type { Span } from "./time/spans.ts";

const turnMs = 50;
/** A turn that comes later than this was held up. */
const lateMs = 250;
/** What else was held up needs as long again to catch up. */
const catchUpMs = 500;
/** How often it is looked how long processes waited for a processor; of what part of that time they were held up. */
const lookMs = 500;
const heldUpShare = 0.5;

interface StallMonitorOptions {
  /** Processes that everything waits for, now. */
  readonly pids: () => readonly number[];
  /** See coreWaitMs. */
  readonly waitedMs?: (pid: number) => number | undefined;
  readonly clock?: Clock;
}

/**
 * Notices when this machine did not let this process run, or one of the system: what then comes late is nobody's fault.
 */
export class StallMonitor {
  readonly stalls: Span[] = [];
  readonly #options: Required<StallMonitorOptions>;
  readonly #cancels: readonly Cancel[];
  #turnedMs: number;
  #lookedMs: number;
  #waited = new Map<number, number>();

  constructor({ pids, waitedMs = coreWaitMs, clock = systemClock }: StallMonitorOptions) {
    this.#options = { pids, waitedMs, clock };
    this.#turnedMs = clock.monotonicMs();
    this.#lookedMs = this.#turnedMs;
    this.#cancels = [clock.every(turnMs, () => this.#turn()), clock.every(lookMs, () => this.#look())];
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
  }

  #turn(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#turnedMs > lateMs) this.#note(this.#turnedMs, nowMs);
    this.#turnedMs = nowMs;
  }

  #look(): void {
    const { pids, waitedMs, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const before = this.#waited;
    this.#waited = new Map(pids().flatMap((pid) => pairOf(pid, waitedMs(pid))));
    const longestMs = Math.max(0, ...[...this.#waited].map(([pid, ms]) => ms - (before.get(pid) ?? ms)));
    if (longestMs > heldUpShare * (nowMs - this.#lookedMs)) this.#note(this.#lookedMs, nowMs);
    this.#lookedMs = nowMs;
  }

  #note(beginMs: number, endMs: number): void {
    this.stalls.push({ beginMs, endMs: endMs + catchUpMs });
  }
}

function pairOf(pid: number, ms: number | undefined): [number, number][] {
  return ms === undefined ? [] : [[pid, ms]];
}
