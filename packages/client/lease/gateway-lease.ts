import { DisconnectReason } from "@realchat/presence-proto/presence";
import { backoffMs } from "@realchat/presence-runtime/backoff";
import { type Cancel, type Clock, pause } from "@realchat/presence-runtime/clock";
import type { PresenceApi } from "../grpc/presence-channels.ts";
import { type PresenceClientError, presenceClientErrorOf } from "../presence-client-error.ts";
import { ServerPace } from "../sessions/server-pace.ts";
import {
  type LeaseAnswer,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseState,
  next,
  unopened,
} from "./lease-lifecycle.ts";
import { LeaseNotices, type NoticeListener } from "./lease-notices.ts";

interface GatewayLeaseOptions extends NoticeListener {
  readonly clock: Clock;
  readonly api: PresenceApi;
  readonly instanceId: string;
  /** Unique: no other process has it, nor this one after another start. */
  newLeaseId(): string;
  /** Sessions under the lease have to be kept one by one. */
  release(): void;
  /** Presence may have lost more than the lease. */
  perhapsLost(): void;
  /** Presence answered. */
  answered(): void;
  /** @param isProbe it was asked by `probe` whether presence is away */
  failed(error: PresenceClientError, isProbe: boolean): void;
}

export interface LeaseMetrics {
  /** `off`: not wanted; `unsupported`: presence has none, sessions are kept one by one. */
  readonly state: LeaseState | "off";
  /** OpenLease calls that were answered; all but the first of a process mean that a lease was lost. */
  readonly opens: number;
  /** KeepLease calls that were answered, and calls about the lease that failed. */
  readonly keeps: number;
  readonly failures: number;
  /** Times that somebody else closed it. */
  readonly closures: number;
  /** Sessions of which presence told at once what became of them elsewhere. */
  readonly notices: number;
}

/** Less than two of them and their pause are left of a TTL of 15 s when one of every 5 s has failed, ms. */
const callTimeoutMs = 2_000;
/** A wait is by chance as much shorter at most: gateways that lost presence together do not come back together. */
const jitter = 1 / 4;
const closePace = { firstMs: 500, capMs: 2_000 };

/** Opens the lease of this process, keeps it, opens it again when it was lost, and closes it. */
export class GatewayLease {
  readonly #counters = { opens: 0, keeps: 0, failures: 0, closures: 0 };
  /** How often each session under it is to be verified. */
  readonly verifyPace = new ServerPace({ intervalMs: 300_000, ttlMs: 900_000 });
  readonly #options: GatewayLeaseOptions;
  readonly #notices: LeaseNotices;
  readonly #pace = new ServerPace({ intervalMs: 5_000, ttlMs: 15_000 });
  #id: string;
  #lease = unopened;
  #cancel: Cancel = () => {};
  #isCalling = false;
  #isProbe = false;

  constructor(options: GatewayLeaseOptions) {
    this.#options = options;
    this.#id = options.newLeaseId();
    this.#notices = new LeaseNotices(options);
    this.#wait(0);
  }

  get state(): LeaseState {
    return this.#lease.state;
  }

  /** Empty unless it is open. */
  get openId(): string {
    return this.#lease.state === "open" ? this.#id : "";
  }

  get metrics(): LeaseMetrics {
    return { state: this.state, ...this.#counters, notices: this.#notices.heard };
  }

  /** A session was told that the lease is not open for it. @param agoMs when it had asked */
  missed(agoMs: number): void {
    const atMs = this.#options.clock.uptimeMs();
    this.#apply({ kind: "missed", sentMs: atMs - agoMs, atMs });
  }

  /** Asks at once, to find out whether presence is there. */
  probe(): void {
    this.#isProbe = true;
    if (!this.#isCalling) this.#wait(0);
  }

  /**
   * Says good-bye: all sessions under the lease end, after the grace. Resolves when presence knows.
   * @param signal gives up: it is lost then
   */
  async close(signal: AbortSignal): Promise<void> {
    this.stop();
    if (this.#counters.opens === 0) return;
    const { api, clock } = this.#options;
    const reason = DisconnectReason.DISCONNECT_REASON_SERVER_DRAIN;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await api.closeLease({ leaseId: this.#id, reason }, { timeoutMs: callTimeoutMs });
        return;
      } catch (error) {
        if (presenceClientErrorOf(error).code === "UNIMPLEMENTED") return;
        await pause(clock, backoffMs(attempt, closePace, clock), signal);
      }
    }
  }

  /** It is kept no more. */
  stop(): void {
    this.#cancel();
    this.#notices.stop();
    this.#apply({ kind: "ended" });
  }

  /** lease-lifecycle.ts decides; here it is done. */
  #apply(event: LeaseEvent): void {
    const { lease, effects } = next(this.#lease, event);
    this.#lease = lease;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: LeaseEffect): void {
    const { verifyAll, release, perhapsLost, newLeaseId } = this.#options;
    switch (effect.kind) {
      case "call":
        // One under way says itself what follows.
        if (!this.#isCalling) this.#wait(this.#isProbe ? 0 : effect.afterMs);
        return;
      case "verify-all":
        verifyAll();
        return;
      case "perhaps-lost":
        perhapsLost();
        return;
      case "renew":
        this.#counters.closures++;
        this.#id = newLeaseId();
        return;
      case "release":
        this.#notices.stop();
        release();
        return;
    }
  }

  #wait(afterMs: number): void {
    const { clock } = this.#options;
    this.#cancel();
    this.#cancel = clock.after(afterMs * (1 - jitter * clock.random()), () => void this.#call());
  }

  async #call(): Promise<void> {
    const isProbe = this.#isProbe;
    this.#isProbe = false;
    this.#isCalling = true;
    const { answered, failed } = this.#options;
    try {
      const outcome = await (this.#lease.state === "open" ? this.#keep() : this.#open());
      this.#isCalling = false;
      this.#apply(outcome);
      answered();
    } catch (thrown) {
      const error = presenceClientErrorOf(thrown);
      this.#isCalling = false;
      this.#apply(this.#failure(error));
      if (error.code !== "UNIMPLEMENTED" && error.code !== "FAILED_PRECONDITION") failed(error, isProbe);
    }
  }

  async #open(): Promise<LeaseEvent> {
    const { api, instanceId } = this.#options;
    const sentMs = this.#options.clock.uptimeMs();
    const leaseId = this.#id;
    const opened = await api.openLease({ leaseId, instanceId }, { timeoutMs: callTimeoutMs });
    this.#counters.opens++;
    this.#pace.adopt(opened);
    this.#notices.follow(leaseId);
    this.verifyPace.adopt({ heartbeatInterval: opened.verifyInterval });
    return { kind: "opened", answer: this.#answer(sentMs, opened), ttlMs: this.#pace.ttlMs };
  }

  async #keep(): Promise<LeaseEvent> {
    const sentMs = this.#options.clock.uptimeMs();
    const kept = await this.#options.api.keepLease({ leaseId: this.#id }, { timeoutMs: callTimeoutMs });
    this.#counters.keeps++;
    this.#pace.adopt(kept);
    return { kind: "kept", answer: this.#answer(sentMs, kept), missing: kept.missing };
  }

  #answer(sentMs: number, { begins, partial }: { begins: number; partial: boolean }): LeaseAnswer {
    const atMs = this.#options.clock.uptimeMs();
    return { sentMs, atMs, begins, partial, heartbeatIntervalMs: this.#pace.intervalMs };
  }

  #failure({ code }: PresenceClientError): LeaseEvent {
    if (code === "FAILED_PRECONDITION") return { kind: "closed", atMs: this.#options.clock.uptimeMs() };
    if (code === "UNIMPLEMENTED") return { kind: "unimplemented" };
    this.#counters.failures++;
    return { kind: "failed", atMs: this.#options.clock.uptimeMs() };
  }
}
