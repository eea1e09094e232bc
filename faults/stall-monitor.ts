import { type Cancel, type Clock, systemClock } from "@realchat/presence-runtime/clock";
import type { Span } from "./time/spans.ts";

const turnMs = 50;
/** A turn that comes later than this was held up. */
const lateMs = 250;
/** What else was held up needs as long again to catch up. */
const catchUpMs = 500;

/** Notices when this machine did not let this process run: what then comes late is nobody's fault. */
export class StallMonitor {
  readonly stalls: Span[] = [];
  readonly #cancel: Cancel;

  constructor(clock: Clock = systemClock) {
    let lastMs = clock.monotonicMs();
    this.#cancel = clock.every(turnMs, () => {
      const nowMs = clock.monotonicMs();
      if (nowMs - lastMs > lateMs) this.stalls.push({ beginMs: lastMs, endMs: nowMs + catchUpMs });
      lastMs = nowMs;
    });
  }

  stop(): void {
    this.#cancel();
  }
}
