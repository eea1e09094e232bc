import assert from "node:assert/strict";
import type { Rules } from "../../../domain/rules.ts";
import { parseSessionId, type SessionRef } from "../../../domain/session.ts";
import type { DisconnectReason, Transition } from "../../../domain/transition.ts";
import type { RefreshResult, RegisterResult, UnregisterResult, UserView } from "../../store.ts";

/** As seen by a gateway. */
interface Witness {
  readonly userId: string;
  readonly deviceId: string;
  readonly sessionId: string;
  readonly connectionId: string;
  /** Empty: under none. */
  leaseId: string;
  /** Of the last answer that said that it lives. */
  aliveAtMs: number;
  end: "none" | "ended" | "lost" | "replaced";
  endedAtMs: number;
  /** Later registrations of this device. */
  successors: number;
  /** Another connection registered later and did not come back: it is above this one, and so all its sessions. */
  isOutranked: boolean;
  /** Registered as one whose client is there: above all that came before. */
  isFresh: boolean;
  /** Not seen since a loss: the store may know nothing of it. */
  isOfThePast: boolean;
  /** Its lease was lost, closed or away since it was seen: it may have gone with it. */
  isInDoubt: boolean;
}

/** How long sessions under a lease have to live, and may. */
interface WatchedLease {
  readonly mustUntilMs: number;
  readonly mayUntilMs: number;
}

const never = Number.NEGATIVE_INFINITY;

/**
 * Watches a store from outside, by calls and answers alone, and holds it to its promises. It knows neither records nor
 * tombstones: where the answer depends on them, it does not judge.
 */
export class PromiseChecker {
  readonly #rules: Rules;
  /** The one that registered last is last. */
  #witnesses: Witness[] = [];
  readonly #leases = new Map<string, WatchedLease>();
  /** Until when registrations are refused, by user, device and connection as an operator blocked them. */
  readonly #blocks = new Map<string, number>();
  readonly #versions = new Map<string, number>();
  /** Users of whom the log told since the last loss. */
  readonly #toldSince = new Set<string>();
  /** Clocks are read from outside, so all bounds are softened by this much. */
  readonly #slackMs: number;

  #lostAtMs = never;
  /** Until then sessions under a lease may be there again that ended after a copy was made. */
  #mayBeBackUntilMs = never;

  constructor(rules: Rules, slackMs: number) {
    this.#rules = rules;
    this.#slackMs = slackMs;
  }

  /**
   * The store may have lost data: what it remembers of sessions that are gone, and of the order of those that are not,
   * is no promise any more. Who lives does so nevertheless (P1), and all versions grow (P3).
   */
  lost(nowMs: number): void {
    this.#lostAtMs = nowMs;
    this.#toldSince.clear();
    this.#blocks.clear();
    const { ttlMs, leaseTtlMs, leasedTtlMs } = this.#rules;
    if (this.#leases.size > 0) this.#mayBeBackUntilMs = nowMs + leasedTtlMs;
    for (const leaseId of this.#leases.keys()) {
      this.#leases.set(leaseId, { mustUntilMs: never, mayUntilMs: nowMs + ttlMs + leaseTtlMs });
    }
    this.#witnesses = this.#witnesses
      .filter((witness) => witness.end === "none" && this.#mayLive(witness, nowMs))
      .map((witness) => ({ ...witness, isOutranked: false, isFresh: false, isOfThePast: true }));
  }

  leaseKept(leaseId: string, nowMs: number): void {
    const before = this.#leases.get(leaseId);
    if (before !== undefined && before.mustUntilMs <= nowMs + this.#slackMs) {
      for (const witness of this.#witnesses) if (witness.leaseId === leaseId) witness.isInDoubt = true;
    }
    const untilMs = nowMs + this.#rules.leaseTtlMs;
    this.#leases.set(leaseId, { mustUntilMs: untilMs, mayUntilMs: untilMs });
  }

  leaseClosed(leaseId: string, nowMs: number): void {
    const lease = this.#leases.get(leaseId);
    if (lease === undefined || lease.mustUntilMs === never) return;
    this.#leases.set(leaseId, { mustUntilMs: never, mayUntilMs: nowMs + this.#rules.graceMs });
  }

  registered(
    call: {
      userId: string;
      deviceId: string;
      connectionId: string;
      previousSessionId: string;
      ageMs: number;
      leaseId: string;
    },
    result: RegisterResult,
    nowMs: number,
  ): void {
    if (result.kind !== "registered" && result.kind !== "repeated") return;
    const { userId, deviceId, connectionId } = call;
    this.#checkBlocks(userId, deviceId, connectionId, nowMs);
    for (const witness of this.#of(userId, deviceId)) {
      const isItsSocket =
        witness.connectionId === connectionId && (connectionId !== "" || witness.sessionId === call.previousSessionId);
      if (!isItsSocket || !this.#mustBeRemembered(witness, nowMs)) continue;
      assert(witness.end !== "replaced", `P7: ${witness.sessionId}, which was replaced, replaced its successor`);
      if (result.kind === "repeated") continue;
      const isLate = witness.end === "none" && witness.isOutranked && call.previousSessionId === "";
      assert(!isLate, `P7: ${witness.sessionId}, which expired, replaced who came since`);
    }
    const { sessionId } = result;
    const isNew =
      call.previousSessionId === "" &&
      (connectionId === "" || this.#of(userId, deviceId).every((witness) => witness.connectionId !== connectionId));
    const isFresh = isNew && call.ageMs === 0;
    if (isNew && !isFresh) {
      const later = this.#of(userId, deviceId).find((other) => other.isFresh && this.#mustBeRemembered(other, nowMs));
      assert(later === undefined, `P7: ${sessionId}, whose client was there earlier, came after ${later?.sessionId}`);
    }
    const before = this.#witnesses.find((witness) => isOf(witness, userId, deviceId, sessionId));
    const leaseId = call.leaseId || (result.kind === "repeated" ? (before?.leaseId ?? "") : "");
    const others = this.#witnesses.filter((witness) => witness !== before);
    for (const witness of others) {
      if (witness.userId !== userId || witness.deviceId !== deviceId) continue;
      witness.successors += 1;
      witness.isOutranked = isFresh || (witness.isOutranked && witness.connectionId !== connectionId);
      if (witness.end === "lost") witness.end = "ended";
      if (witness.end !== "none" || !this.#mayLive(witness, nowMs)) continue;
      witness.end = "replaced";
      witness.endedAtMs = nowMs;
    }
    const fresh = { aliveAtMs: nowMs, end: "none", endedAtMs: never } as const;
    this.#witnesses = [
      ...others,
      {
        userId,
        deviceId,
        sessionId,
        connectionId,
        leaseId,
        ...fresh,
        successors: 0,
        isOutranked: false,
        isFresh,
        isOfThePast: false,
        isInDoubt: false,
      },
    ];
  }

  refreshed(
    call: { userId: string; deviceId: string; sessionId: string; leaseId: string },
    result: RefreshResult["kind"],
    nowMs: number,
  ): void {
    if (result !== "refreshed") return;
    this.#checkBlocks(call.userId, call.deviceId, parseSessionId(call.sessionId)?.connectionId ?? "", nowMs);
    const witness = this.#named(call) ?? this.#registeredBy(call, nowMs);
    if (witness === undefined) return;
    if (call.sessionId === "" && !this.#mustBeRemembered(witness, nowMs)) {
      // Nothing may be known of the device any more: then such a heartbeat registers it, below all others.
      witness.end = "none";
      witness.isFresh = false;
    }
    // A session without token is taken out of its grace, since a registration after its end may have been lost.
    if (witness.end === "lost" && call.sessionId === "" && this.#isUnproven(nowMs)) witness.end = "none";
    assert(witness.end !== "replaced", `P7: ${witness.sessionId}, which was replaced, was refreshed`);
    assert(witness.end === "none", `${witness.sessionId} was refreshed after its end`);
    witness.aliveAtMs = nowMs;
    if (call.leaseId !== "") this.#verified(witness, call.leaseId, nowMs);
    if (witness.sessionId === call.sessionId) Object.assign(witness, { isOfThePast: false, isInDoubt: false });
  }

  /** It may have been brought back: then it is the device's session again. */
  #verified(witness: Witness, leaseId: string, nowMs: number): void {
    witness.leaseId = leaseId;
    for (const other of this.#of(witness.userId, witness.deviceId)) {
      if (other === witness) continue;
      other.successors += 1;
      if (other.end === "lost") other.end = "ended";
      if (other.end !== "none" || !this.#mayLive(other, nowMs)) continue;
      other.end = "replaced";
      other.endedAtMs = nowMs;
    }
  }

  unregistered(
    call: { userId: string; deviceId: string; sessionId: string; reason: DisconnectReason },
    result: UnregisterResult["kind"],
    nowMs: number,
  ): void {
    if (result !== "ended" && result !== "grace") return;
    const witness = this.#named(call);
    if (witness === undefined) return;
    assert(witness.end !== "replaced", `P7: ${witness.sessionId}, which was replaced, ended its successor`);
    // What an operator closes while the store recovers is in grace until it has.
    if (witness.end === "ended" && result === "grace" && nowMs < this.#recoveredAtMs) return;
    assert(witness.end !== "ended", `${witness.sessionId} ended twice`);
    witness.end = result === "grace" ? "lost" : "ended";
    witness.endedAtMs = nowMs;
  }

  closed(
    { userId, deviceId, sessionId, blockMs }: SessionRef & { readonly blockMs: number | undefined },
    sessions: readonly SessionRef[],
    nowMs: number,
  ): void {
    for (const session of sessions) {
      // Nobody is told the session_id of one that a heartbeat registered.
      const witness = this.#named(session) ?? this.#named({ ...session, sessionId: "" });
      const connectionId = parseSessionId(session.sessionId)?.connectionId ?? "";
      if (blockMs === undefined && connectionId !== "") {
        this.#blocks.set(named(userId, session.deviceId, connectionId), nowMs + this.#rules.memoryMs);
      } else if (blockMs !== undefined && sessionId !== "") {
        this.#blocks.set(named(userId, session.deviceId), nowMs + blockMs);
      }
      if (witness === undefined) continue;
      // While late calls may mean what was lost, a heartbeat without session_id brings one back that has no token.
      witness.end = connectionId === "" && this.#isUnproven(nowMs) ? "lost" : "ended";
      witness.endedAtMs = nowMs;
    }
    if (blockMs === undefined || sessionId !== "") return;
    this.#blocks.set(deviceId === "" ? named(userId) : named(userId, deviceId), nowMs + blockMs);
  }

  #checkBlocks(userId: string, deviceId: string, connectionId: string, nowMs: number): void {
    for (const name of [named(userId), named(userId, deviceId), named(userId, deviceId, connectionId)]) {
      const untilMs = this.#blocks.get(name) ?? never;
      assert(untilMs <= nowMs + this.#slackMs, `${name} came back though an operator closed it`);
    }
  }

  transition({ userId, online, version }: Transition, nowMs: number): void {
    const last = this.#versions.get(userId) ?? 0;
    assert(version > last, `P3: ${userId} went from version ${last} to ${version}`);
    this.#versions.set(userId, version);
    this.#toldSince.add(userId);
    if (online) return;
    const live = this.#of(userId).find(
      (witness) => witness.end === "none" && this.#livesUntilMs(witness, "mustUntilMs") > nowMs + this.#slackMs,
    );
    assert(live === undefined, `P1: ${userId} was taken offline while ${live?.sessionId} was alive`);
    assert(nowMs + this.#slackMs >= this.#recoveredAtMs, `P1: ${userId} was taken offline while the store recovers`);
  }

  seen(view: UserView, nowMs: number): void {
    const version = this.#versions.get(view.userId);
    if (this.#toldSince.has(view.userId)) {
      // Whoever left nothing behind has a version of the shard, which is as late at least.
      const isForgotten = !view.online && view.lastSeenMs === 0 && view.version > (version ?? 0);
      if (!isForgotten) assert.equal(view.version, version, `P3: version of ${view.userId}`);
    }
    // While it recovers nobody goes offline, and then only who came back is online.
    if (!view.online || nowMs - this.#slackMs <= this.#recoveredAtMs) return;
    if (nowMs - this.#slackMs <= this.#mayBeBackUntilMs) return;
    const reason = this.#of(view.userId).some((witness) => this.#mayCount(witness, nowMs));
    assert(reason, `P2: ${view.userId} is online without a session that anybody refreshed`);
  }

  get #hasLost(): boolean {
    return this.#lostAtMs > never;
  }

  get #recoveredAtMs(): number {
    return this.#lostAtMs + this.#rules.ttlMs;
  }

  #isUnproven(nowMs: number): boolean {
    return nowMs - this.#slackMs < this.#lostAtMs + this.#rules.memoryMs;
  }

  #of(userId: string, deviceId?: string): Witness[] {
    return this.#witnesses.filter(
      (witness) => witness.userId === userId && (deviceId === undefined || witness.deviceId === deviceId),
    );
  }

  /** The session that a call means: by its id, or the one that holds the device. */
  #named({ userId, deviceId, sessionId }: { userId: string; deviceId: string; sessionId: string }) {
    const witnesses = this.#of(userId, deviceId);
    if (sessionId !== "") return witnesses.find((witness) => witness.sessionId === sessionId);
    return witnesses.findLast(({ end }) => end === "none" || end === "lost");
  }

  /** A heartbeat without session_id registers a device that nobody knows; nobody is told its session_id. */
  #registeredBy(call: { userId: string; deviceId: string; sessionId: string }, nowMs: number): Witness | undefined {
    if (call.sessionId !== "" && !this.#hasLost) return undefined;
    const witness: Witness = {
      ...call,
      sessionId: call.sessionId || "of a heartbeat",
      connectionId: "",
      leaseId: "",
      aliveAtMs: nowMs,
      end: "none",
      endedAtMs: never,
      successors: 0,
      isOutranked: false,
      isFresh: false,
      isOfThePast: false,
      isInDoubt: false,
    };
    this.#witnesses.push(witness);
    return witness;
  }

  #mustBeRemembered(witness: Witness, nowMs: number): boolean {
    const { end, aliveAtMs, endedAtMs, leaseId, successors, isOfThePast } = witness;
    if (isOfThePast) return false;
    // One that was not ended expired, not before a TTL had passed, or with its lease.
    const expiredAtMs = leaseId === "" ? aliveAtMs + this.#rules.ttlMs : aliveAtMs;
    const fromMs = end === "none" ? expiredAtMs : endedAtMs;
    const isRecent = fromMs + this.#rules.memoryMs > nowMs + this.#slackMs;
    return isRecent && successors < this.#rules.deviceMaxTombstones;
  }

  #mayLive(witness: Witness, nowMs: number): boolean {
    return this.#livesUntilMs(witness, "mayUntilMs") > nowMs - this.#slackMs;
  }

  /** Under a lease: as long as both last. After a loss its gateway has to verify it first. */
  #livesUntilMs({ aliveAtMs, leaseId, isOfThePast, isInDoubt }: Witness, bound: keyof WatchedLease): number {
    const { ttlMs, leasedTtlMs } = this.#rules;
    if (leaseId === "") return aliveAtMs + ttlMs;
    if ((isOfThePast || isInDoubt) && bound === "mustUntilMs") return never;
    return Math.min(aliveAtMs + leasedTtlMs, this.#leases.get(leaseId)?.[bound] ?? never);
  }

  #mayCount(witness: Witness, nowMs: number): boolean {
    if (witness.end === "none") return this.#mayLive(witness, nowMs);
    if (witness.end !== "lost" || !this.#mayLive(witness, nowMs)) return false;
    return witness.endedAtMs + this.#rules.graceMs > nowMs - this.#slackMs;
  }
}

function named(...ids: string[]): string {
  return JSON.stringify(ids);
}

function isOf(witness: Witness, userId: string, deviceId: string, sessionId: string): boolean {
  return witness.userId === userId && witness.deviceId === deviceId && witness.sessionId === sessionId;
}
