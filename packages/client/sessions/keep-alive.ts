import type { SessionRef } from "@realchat/presence-proto/presence";
import type { Clock } from "@realchat/presence-runtime/clock";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import { GatewayLease } from "../lease/gateway-lease.ts";
import type { ClosedByOperator } from "../presence-client-error.ts";
import { Heartbeats } from "./heartbeats.ts";
import type { HeldSession } from "./held-session.ts";
import type { KeeperMetrics } from "./keeper-metrics.ts";
import type { KeeperLimits } from "./keeper-options.ts";
import { LossWatch } from "./loss-watch.ts";
import type { Reachability } from "./reachability.ts";
import { RefreshCalls, type RefreshCounters } from "./refresh-calls.ts";
import { ServerPace } from "./server-pace.ts";
import type { SessionBook } from "./session-book.ts";
import { deviceKey, randomId } from "./session-ids.ts";
import { Verifications } from "./verifications.ts";

interface KeepAliveOptions {
  readonly clock: Clock;
  readonly limits: KeeperLimits;
  readonly reachability: Reachability;
  readonly api: PresenceApi;
  readonly instanceId: string;
  /** Whether a lease is wanted. */
  readonly leases: boolean;
  readonly book: Pick<SessionBook, "latest" | "online">;
  /** Presence does not have the session any more. */
  missing(session: HeldSession): void;
  /** Its device has a newer session, elsewhere. */
  superseded(session: HeldSession): void;
  /** An operator ended it. */
  closed(session: HeldSession, why: ClosedByOperator): void;
  /** Presence has the session, and perhaps not what it said of itself. */
  restored(session: HeldSession): void;
  /** Presence may have lost more than the lease. */
  perhapsLost(): void;
}

type KeepAliveMetrics = RefreshCounters &
  Pick<KeeperMetrics, "batchesUnderWay" | "heartbeats" | "heartbeatIntervalMs" | "lease">;

type Leased = { readonly lease: GatewayLease; readonly verifications: Verifications };

/**
 * Keeps the sessions alive that are online. One heartbeat is for all sessions under the lease, which are verified now and
 * then. Those that are under none, since presence has no leases or the lease is being opened, have heartbeats of their own.
 */
export class KeepAlive {
  readonly #options: KeepAliveOptions;
  /** Of sessions under no lease. */
  readonly #pace = new ServerPace({ intervalMs: 20_000, ttlMs: 60_000 });
  readonly #refreshes: RefreshCalls;
  readonly #heartbeats: Heartbeats;
  readonly #leased: Leased | undefined;
  readonly #losses: LossWatch;

  constructor(options: KeepAliveOptions) {
    const { clock, limits, reachability, leases, api, book, restored, perhapsLost } = options;
    this.#options = options;
    this.#refreshes = new RefreshCalls(options);
    this.#heartbeats = new Heartbeats({ clock, limits, reachability, pace: this.#pace, calls: this.#refreshes });
    this.#leased = leases ? this.#openLease() : undefined;
    this.#losses = new LossWatch({
      ...{ clock, api, leaseId: randomId(clock) },
      intervalMs: () => this.#pace.intervalMs,
      isTold: () => this.leaseId !== "",
      perhapsLost: () => {
        for (const session of book.online()) restored(session);
        perhapsLost();
      },
    });
  }

  /** The lease under which sessions are registered now; empty: none. */
  get leaseId(): string {
    return this.#leased?.lease.openId ?? "";
  }

  /** What presence dictates to sessions under no lease, ms. */
  get intervalMs(): number {
    return this.#pace.intervalMs;
  }

  /** Whether anything would soon tell that presence is away. */
  get hasHeartbeats(): boolean {
    return this.#heartbeats.size > 0 || this.leaseId !== "";
  }

  metrics(): KeepAliveMetrics {
    const { lease, verifications } = this.#leased ?? {};
    const none = { opens: 0, keeps: 0, failures: 0, closures: 0, notices: 0, verified: 0, passes: 0 };
    const { size: sessions = 0, doubted = 0 } = verifications ?? {};
    return {
      ...this.#refreshes.counters,
      batchesUnderWay: this.#refreshes.underWay,
      heartbeats: this.#heartbeats.answered,
      heartbeatIntervalMs: this.#pace.intervalMs,
      lease: { state: "off", ...none, ...lease?.metrics, ...verifications?.counters, sessions, doubted },
    };
  }

  /** What presence dictates to the session. */
  paceOf({ leaseId }: HeldSession): ServerPace {
    return leaseId === "" || this.#leased === undefined ? this.#pace : this.#leased.lease.verifyPace;
  }

  /** The session is online. */
  add(session: HeldSession): void {
    const { lease, verifications } = this.#leased ?? {};
    if (lease?.state === "unsupported") session.leaseId = "";
    if (session.leaseId === "") this.#heartbeats.add(session);
    else verifications?.add(session);
    if (session.leaseId !== this.leaseId) verifications?.doubt(session);
  }

  delete(session: HeldSession): void {
    this.#heartbeats.delete(session);
    this.#leased?.verifications.delete(session);
  }

  /** Something may have become of the session. One under no lease has a heartbeat soon. */
  doubt(session: HeldSession): void {
    if (session.leaseId !== "") this.#leased?.verifications.doubt(session);
  }

  /** Resolves when no verification of the session is under way; undefined: none is. */
  settled(session: HeldSession): Promise<unknown> | undefined {
    return this.#leased?.verifications.settled(session);
  }

  /** Finds out whether presence is away; best by the lease, which fails only where no shard answers. */
  probe(): void {
    if (this.leaseId === "") this.probeHeartbeats();
    else this.#leased?.lease.probe();
  }

  /** Presence may be tried again. */
  probeHeartbeats(): void {
    this.#heartbeats.probe();
  }

  /** A session was told that the lease is not open. @param agoMs when it had asked */
  missedLease(agoMs: number): void {
    this.#leased?.lease.missed(agoMs);
  }

  /** Resolves when presence knows that all sessions under the lease end. @param signal gives up */
  async closeLease(signal: AbortSignal): Promise<void> {
    await this.#leased?.lease.close(signal);
  }

  stop(): void {
    this.#heartbeats.stop();
    this.#losses.stop();
    this.#leased?.lease.stop();
    this.#leased?.verifications.stop();
  }

  #openLease(): Leased {
    const { clock, limits, reachability, api, instanceId, book } = this.#options;
    const { superseded, closed, restored, perhapsLost } = this.#options;
    const lease = new GatewayLease({
      ...{ clock, api, instanceId, perhapsLost },
      newLeaseId: () => randomId(clock),
      superseded: (refs) => {
        for (const session of this.#named(refs)) superseded(session);
      },
      closed: (refs, why) => {
        for (const session of this.#named(refs)) closed(session, why);
      },
      verifyAll: () => verifications.doubtAll(book.online()),
      release: () => {
        for (const session of verifications.clear()) this.add(session);
      },
      answered: () => reachability.succeeded("lease"),
      // Each call speaks for all sessions.
      failed: (error, isProbe) => reachability.failed("lease", Symbol("call"), error, isProbe),
    });
    const verifications: Verifications = new Verifications({
      ...{ clock, limits, reachability, lease, calls: this.#refreshes, restored },
      moved: (session) => this.#heartbeats.delete(session),
    });
    return { lease, verifications };
  }

  /** Those that these name, and that have not been registered anew. */
  #named(refs: readonly SessionRef[]): HeldSession[] {
    return refs.flatMap((ref) => {
      const session = this.#options.book.latest(deviceKey(ref));
      return session?.token === ref.sessionId ? [session] : [];
    });
  }
}
