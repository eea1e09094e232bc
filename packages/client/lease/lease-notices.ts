import type { SessionRef } from "@realchat/presence-proto/presence";
import { type BackoffLimits, backoffMs } from "@realchat/presence-runtime/backoff";
import { type Clock, pause } from "@realchat/presence-runtime/clock";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import { type ClosedByOperator, presenceClientErrorOf } from "../presence-client-error.ts";
import { closedBy } from "../sessions/call-faults.ts";

export interface NoticeListener {
  /** Newer sessions took the places of these. */
  superseded(sessions: readonly SessionRef[]): void;
  /** An operator closed these. */
  closed(sessions: readonly SessionRef[], why: ClosedByOperator): void;
  /** Notices may have been missed. */
  verifyAll(): void;
}

interface LeaseNoticesOptions extends NoticeListener {
  readonly clock: Clock;
  readonly api: PresenceApi;
}

const reconnectPace: BackoffLimits = { firstMs: 500, capMs: 4_000 };
/** A node of a release without notices may be replaced, ms. */
const unknownPauseMs = 60_000;
/** A stream that has lasted so long is taken to hear what comes, ms. */
const settledMs = 1_000;

/**
 * What becomes of a lease's sessions elsewhere, by one stream that is opened again whenever it ends. Best effort: after one
 * that broke all are verified.
 */
export class LeaseNotices {
  /** Sessions that notices named. */
  heard = 0;
  readonly #options: LeaseNoticesOptions;
  #stop = new AbortController();
  #leaseId = "";

  constructor(options: LeaseNoticesOptions) {
    this.#options = options;
  }

  /** From now on of this lease, and of no other. */
  follow(leaseId: string): void {
    if (leaseId === this.#leaseId) return;
    this.stop();
    this.#leaseId = leaseId;
    this.#stop = new AbortController();
    void this.#follow(leaseId, this.#stop.signal);
  }

  stop(): void {
    this.#stop.abort();
    this.#leaseId = "";
  }

  async #follow(leaseId: string, signal: AbortSignal): Promise<void> {
    const { clock, api, superseded, closed, verifyAll } = this.#options;
    let hasBroken = false;
    let failures = 0;
    while (!signal.aborted) {
      const mayHaveMissed = hasBroken;
      const cancelSettled = clock.after(settledMs, () => {
        failures = 0;
        if (mayHaveMissed) verifyAll();
        hasBroken = true;
      });
      let waitMs = 0;
      try {
        for await (const notice of api.watchLease({ leaseId }, { signal })) {
          this.heard += notice.superseded.length + notice.closed.length;
          if (notice.superseded.length > 0) superseded(notice.superseded);
          if (notice.closed.length > 0) {
            closed(notice.closed, closedBy({ reason: notice.closeReason, blockedFor: notice.blockedFor }));
          }
          if (notice.verify) verifyAll();
        }
      } catch (error) {
        if (presenceClientErrorOf(error).code === "UNIMPLEMENTED") waitMs = unknownPauseMs;
      }
      cancelSettled();
      await pause(clock, waitMs || backoffMs(failures++, reconnectPace, clock), signal);
    }
  }
}
