import { presence } from "@realchat/presence-proto";
import { type Clock, pause } from "@realchat/presence-runtime/clock";
import { type Answers, CallFailure, type PresenceClient } from "../../services/presence/testing/presence-client.ts";
import type { LeaseTiming } from "../history/history.ts";
import type { LeaseCall, LeaseLife, LeaseOutcome } from "../history/lease-life.ts";
import { leaseOutcomeOf } from "./outcome.ts";

interface LeaseOptions {
  /** Unique for each process. */
  readonly id: string;
  readonly gateway: string;
  readonly nodes: readonly PresenceClient[];
  readonly timing: LeaseTiming;
  readonly clock: Clock;
  /** All sessions under it are to be verified, in calls sent from now on. */
  readonly onVerifyAll: () => void;
  /** Another connection has the device of this one. */
  readonly onSuperseded: (sessionId: string) => void;
}

interface LeaseAnswer {
  readonly begins: number;
  readonly partial: boolean;
}

/** After a call that failed, or that not every shard answered. */
const retryMs = 1_000;
/** Without an answer for so much less than its TTL, a lease may have been lost and opened by a call that is not known of. */
const doubtMs = 2_000;
/** What a process does not care to say any more after so long: the lease runs out by itself. */
const closingMaxMs = 10_000;

/**
 * The lease of one process of a gateway, kept as docs/contract.md asks. It writes down every call that it made, and follows
 * notices, of which it counts on none.
 */
export class SimulatedLease {
  readonly life: LeaseLife;
  readonly #options: LeaseOptions;
  #isOpen = false;
  #isBusy = false;
  readonly #dead = new AbortController();
  #dueMs = 0;
  #node = 0;
  #opened = 0;
  #begins: number | undefined;
  /** When the calls were sent that were answered last, by any and by all shards. */
  #answeredMs: number | undefined;
  #answeredByAllMs: number | undefined;
  #notices: Answers<presence.LeaseNotice> | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.life = { id: options.id, gateway: options.gateway, calls: [] };
    void this.#listen();
  }

  /** Makes the call that is due. */
  turn(): void {
    if (this.#isBusy || this.life.releasedMs !== undefined || this.#dueMs > this.#options.clock.monotonicMs()) return;
    void (this.#isOpen ? this.#keep() : this.#open());
  }

  /** A session was answered that it is not open. */
  reopen(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#dueMs = 0;
  }

  /** Its process dies. */
  abandon(): void {
    this.life.releasedMs ??= this.#options.clock.monotonicMs();
    this.#dead.abort();
    this.#notices?.cancel();
  }

  /** Its process says good-bye. @returns whether that was confirmed */
  async close(): Promise<boolean> {
    const { clock, id } = this.#options;
    this.life.releasedMs = clock.monotonicMs();
    this.#notices?.cancel();
    const untilMs = this.life.releasedMs + closingMaxMs;
    const reason = presence.DisconnectReason.DISCONNECT_REASON_SERVER_DRAIN;
    while (clock.monotonicMs() < untilMs && !this.#dead.signal.aborted) {
      const { call } = await this.#call("close", ({ api }) => api.closeLease({ leaseId: id, reason }));
      if (call.outcome === "ok") return true;
      await pause(clock, retryMs, this.#dead.signal);
    }
    return false;
  }

  async #listen(): Promise<void> {
    const { id, nodes, clock, onVerifyAll, onSuperseded } = this.#options;
    for (let attempt = 0; this.life.releasedMs === undefined; attempt++) {
      try {
        this.#notices = (nodes[attempt % nodes.length] as PresenceClient).api.watchLease({ leaseId: id });
        for await (const { superseded, verify } of this.#notices) {
          for (const { sessionId } of superseded) onSuperseded(sessionId);
          if (verify) onVerifyAll();
        }
      } catch (error) {
        if (!(error instanceof CallFailure)) throw error;
      }
      await pause(clock, retryMs, this.#dead.signal);
    }
  }

  async #open(): Promise<void> {
    const { id, gateway, onVerifyAll } = this.#options;
    const { answer, call } = await this.#call("open", ({ api }) => api.openLease({ leaseId: id, instanceId: gateway }));
    if (answer === undefined) return;
    this.#isOpen = true;
    if (this.#opened++ > 0) onVerifyAll();
    this.#heard(answer, call);
  }

  async #keep(): Promise<void> {
    const { id } = this.#options;
    const { answer, call } = await this.#call("keep", ({ api }) => api.keepLease({ leaseId: id }));
    if (answer === undefined) return;
    this.#heard(answer, call);
    if (answer.missing) this.reopen();
  }

  #heard({ begins, partial }: LeaseAnswer, { sentMs, endedMs }: LeaseCall): void {
    const { timing, onVerifyAll } = this.#options;
    const beforeMs = partial ? this.#answeredMs : this.#answeredByAllMs;
    const wasSilent = beforeMs !== undefined && endedMs - beforeMs > timing.ttlMs - doubtMs;
    const hasBegun = !partial && this.#begins !== undefined && this.#begins !== begins;
    if (wasSilent || hasBegun) onVerifyAll();
    this.#answeredMs = sentMs;
    if (!partial) {
      this.#answeredByAllMs = sentMs;
      this.#begins = begins;
    }
    this.#dueMs = endedMs + (partial ? retryMs : timing.heartbeatMs);
  }

  /** Makes a call to the node that answered last, and turns to the next one when it does not. */
  async #call<Answer extends object>(
    what: LeaseCall["what"],
    make: (node: PresenceClient) => Promise<Answer>,
  ): Promise<{ answer?: Answer; call: LeaseCall }> {
    const { nodes, clock } = this.#options;
    this.#isBusy = true;
    const sentMs = clock.monotonicMs();
    const note = (outcome: LeaseOutcome, code?: string): LeaseCall => {
      const call = { what, sentMs, endedMs: clock.monotonicMs(), outcome, ...(code !== undefined && { code }) };
      this.life.calls.push(call);
      this.#isBusy = false;
      this.#dueMs = call.endedMs + retryMs;
      return call;
    };
    try {
      const answer = await make(nodes[this.#node] as PresenceClient);
      return { answer, call: note(leaseOutcomeOf(answer)) };
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      this.#node = (this.#node + 1) % nodes.length;
      return { call: note("unknown", error.code) };
    }
  }
}
