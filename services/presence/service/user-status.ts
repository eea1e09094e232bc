import type { Activity } from "../domain/activity.ts";
import { decideNotify, type Notify } from "../domain/attention.ts";
import { claimMaxMs, type NewClaim } from "../domain/claims.ts";
import { unreachable } from "../domain/invariant.ts";
import type { Limits } from "../domain/limits.ts";
import { PresenceError } from "../domain/presence-error.ts";
import type { Rules } from "../domain/rules.ts";
import type { SessionRef } from "../domain/session.ts";
import { selfClaim } from "../domain/status.ts";
import type {
  RefreshResult,
  SessionStore,
  ShardKeeping,
  StatusResult,
  StatusStore,
  StatusView,
} from "../store/store.ts";
import { quote } from "./errors.ts";
import {
  checkClaimEnd,
  checkEmoji,
  checkId,
  checkMoment,
  checkSession,
  checkText,
  checkUsers,
} from "./request-checks.ts";

type StatusedStore = StatusStore & Pick<SessionStore, "users"> & Pick<ShardKeeping, "isRecovering">;

export type StatusRules = Pick<Rules, "graceMs" | "userMaxClaims" | "minuteMaxClaims">;

/** Who says it: the user's own claim is manual, all others are automatic. */
type ClaimSource = "UNSPECIFIED" | "MANUAL" | "AUTOMATIC";

/** `availability` undefined: a later release's. */
type ClaimRequest = Omit<NewClaim, "availability"> & {
  readonly source: ClaimSource;
  readonly availability: NewClaim["availability"] | undefined;
};

/** What people see of users besides online and offline, and whether to notify them. All methods reject with PresenceError. */
export class UserStatuses {
  readonly #store: StatusedStore;
  readonly #limits: Limits;
  readonly #rules: StatusRules;
  /** Wall clock, ms. */
  readonly #nowMs: () => number;

  constructor(options: { store: StatusedStore; limits: Limits; rules: StatusRules; nowMs: () => number }) {
    this.#store = options.store;
    this.#limits = options.limits;
    this.#rules = options.rules;
    this.#nowMs = options.nowMs;
  }

  async set(userId: string, request: ClaimRequest): Promise<StatusView> {
    checkId("user_id", userId, this.#limits);
    const claim = this.#checkedClaim(request);
    await this.#checkSupport();
    return this.#settled(userId, await this.#store.setStatus(userId, claim));
  }

  /** Taking away what is not there succeeds. */
  async clear(userId: string, claimId: string, setAtMs: number | undefined): Promise<StatusView> {
    checkId("user_id", userId, this.#limits);
    checkId("claim_id", claimId, this.#limits);
    checkMoment("set_at", setAtMs);
    await this.#checkSupport();
    return this.#settled(userId, await this.#store.clearStatus(userId, claimId, setAtMs));
  }

  async of(userId: string): ReturnType<StatusStore["claimsOf"]> {
    checkId("user_id", userId, this.#limits);
    return this.#store.claimsOf(userId);
  }

  async setActivity(session: SessionRef, activity: Activity): Promise<RefreshResult> {
    checkSession(session, "", this.#limits);
    if (session.sessionId === "") {
      throw new PresenceError("INVALID_ARGUMENT", "session_id is empty: send the one that RegisterSession returned");
    }
    checkMoment("idle_since", activity.idleSinceMs);
    if (activity.sequence < 0) {
      throw new PresenceError("INVALID_ARGUMENT", `sequence is ${activity.sequence}: send 0 or more`);
    }
    await this.#checkSupport();
    return this.#store.setActivity(session, activity);
  }

  /** @returns since when nobody uses the device, where that may be written: a registration without it is none the less one */
  async supportedIdleSince(idleSinceMs: number | undefined): Promise<number | undefined> {
    if (idleSinceMs === undefined) return undefined;
    checkMoment("idle_since", idleSinceMs);
    return (await this.#store.statusesMissing()) === undefined ? idleSinceMs : undefined;
  }

  /** One decision per id, in the order asked. Whoever cannot be told about is notified. */
  async shouldNotify(userIds: readonly string[]): Promise<readonly (Notify & { readonly userId: string })[]> {
    checkUsers(userIds, this.#limits);
    if (userIds.length === 0) return [];
    const views = await this.#store.users(userIds);
    if (views.some(({ shard }) => this.#store.isRecovering(shard))) {
      throw new PresenceError(
        "UNAVAILABLE",
        "a shard of these users recovers, and nobody knows who attends: notify them",
      );
    }
    const nowMs = this.#nowMs();
    return views.map(({ userId, unknown, attention }) => ({
      userId,
      ...(unknown === undefined
        ? decideNotify(attention, nowMs, this.#rules.graceMs)
        : ({ decision: "NOW", reason: "unknown" } as const)),
    }));
  }

  async #checkSupport(): Promise<void> {
    const missing = await this.#store.statusesMissing();
    if (missing !== undefined) throw new PresenceError("UNIMPLEMENTED", `no status here: ${missing}`);
  }

  #checkedClaim({ source, availability, ...claim }: ClaimRequest): NewClaim {
    const { claimId, text, emoji, expiresAtMs, setAtMs } = claim;
    checkId("claim.claim_id", claimId, this.#limits);
    const wanted = claimId === selfClaim ? "MANUAL" : "AUTOMATIC";
    if (source !== wanted) {
      throw new PresenceError(
        "INVALID_ARGUMENT",
        `claim.source is ${source}: send ${wanted} with claim_id ${quote(claimId)}; MANUAL is for "${selfClaim}" alone`,
      );
    }
    if (availability === undefined) {
      throw new PresenceError("INVALID_ARGUMENT", "claim.availability is none that this node knows: send 0 to 4");
    }
    checkText("claim.text", text);
    checkEmoji("claim.emoji", emoji);
    if (availability === "UNSPECIFIED" && text === "" && emoji === "") {
      throw new PresenceError("INVALID_ARGUMENT", "claim says nothing: send an availability, a text or an emoji");
    }
    checkMoment("claim.expires_at", expiresAtMs);
    checkMoment("claim.set_at", setAtMs);
    // What is said again was taken before, by another clock; the store cuts it.
    if (setAtMs === undefined) checkClaimEnd("claim.expires_at", expiresAtMs, this.#nowMs(), claimMaxMs);
    return { ...claim, availability };
  }

  #settled(userId: string, result: StatusResult): StatusView {
    const { userMaxClaims, minuteMaxClaims } = this.#rules;
    switch (result.kind) {
      case "done":
        return { version: result.version, status: result.status };
      case "over":
        throw new PresenceError(
          "INVALID_ARGUMENT",
          "claim.expires_at has passed: send a later one, or clear the claim",
        );
      case "too-many":
        throw new PresenceError(
          "RESOURCE_EXHAUSTED",
          `user ${quote(userId)} has ${userMaxClaims} claims, limit ${userMaxClaims}: clear one`,
        );
      case "too-often":
        throw new PresenceError(
          "RESOURCE_EXHAUSTED",
          `user ${quote(userId)} had ${minuteMaxClaims} claims set within a minute, limit ${minuteMaxClaims}: ` +
            `try again in ${Math.ceil(result.leftMs / 1_000)} s`,
          { retryAfterMs: result.leftMs },
        );
      default:
        return unreachable(result);
    }
  }
}
