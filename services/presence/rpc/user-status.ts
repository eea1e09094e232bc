import { durationOf, presence, type Timestamp } from "@realchat/presence-proto";
import type { Notify } from "../domain/attention.ts";
import { availabilities, type StatusClaim, selfClaim } from "../domain/status.ts";
import { userStatusOf } from "../events/codec.ts";
import { refreshError } from "../service/heartbeats.ts";
import type { PresenceService } from "../service/presence-service.ts";
import { rpcError } from "./rpc-error.ts";
import { msOf, timestampOf } from "./wire.ts";

type ClaimRequest = Parameters<PresenceService["statuses"]["set"]>[1];

const sources: readonly ClaimRequest["source"][] = ["UNSPECIFIED", "MANUAL", "AUTOMATIC"];
const { CLAIM_SOURCE_MANUAL, CLAIM_SOURCE_AUTOMATIC } = presence.ClaimSource;
const decisions = {
  NOW: presence.Notify_Decision.NOW,
  LATER: presence.Notify_Decision.LATER,
  NOT: presence.Notify_Decision.NOT,
} as const satisfies Record<Notify["decision"], presence.Notify_Decision>;

/** The calls about what people see of users besides online and offline. */
export function userStatus(statuses: PresenceService["statuses"], heartbeatIntervalMs: number) {
  const heartbeatInterval = durationOf(heartbeatIntervalMs);
  return {
    async setStatus({ userId, claim }: presence.SetStatusRequest): Promise<presence.SetStatusResponse> {
      const { version, status } = await statuses.set(userId, claimRequestOf(claim ?? presence.StatusClaim.create()));
      return { version, status: userStatusOf(status) };
    },

    async clearStatus(request: presence.ClearStatusRequest): Promise<presence.ClearStatusResponse> {
      const { version, status } = await statuses.clear(request.userId, request.claimId, momentOf(request.setAt));
      return { version, status: userStatusOf(status) };
    },

    async getStatus({ userId }: presence.GetStatusRequest): Promise<presence.GetStatusResponse> {
      const { claims, status, version } = await statuses.of(userId);
      return { claims: claims.map(claimOf), status: userStatusOf(status), version };
    },

    async setActivity(request: presence.SetActivityRequest): Promise<presence.SetActivityResponse> {
      const { userId, deviceId, sessionId, idleSince, sequence } = request;
      const activity = { sequence, idleSinceMs: momentOf(idleSince) ?? 0 };
      const result = await statuses.setActivity({ userId, deviceId, sessionId }, activity);
      if (result.kind !== "refreshed") throw rpcError(refreshError(request, result));
      return { heartbeatInterval };
    },

    async shouldNotify({ userIds }: presence.ShouldNotifyRequest): Promise<presence.ShouldNotifyResponse> {
      const users = await statuses.shouldNotify(userIds);
      return {
        users: users.map((notify) => ({
          userId: notify.userId,
          decision: decisions[notify.decision],
          after: notify.decision === "LATER" ? durationOf(notify.afterMs) : undefined,
          reason: notify.reason,
        })),
      };
    },
  };
}

/** Wall clock, ms; undefined: absent. */
export function momentOf(timestamp: Timestamp | undefined): number | undefined {
  return timestamp && msOf(timestamp);
}

function claimRequestOf(claim: presence.StatusClaim): ClaimRequest {
  const { claimId, source, availability, text, emoji, expiresAt, setAt } = claim;
  return {
    ...{ claimId, text, emoji, expiresAtMs: momentOf(expiresAt), setAtMs: momentOf(setAt) },
    source: sources[source] ?? "UNSPECIFIED",
    availability: availabilities.find((_, number) => number === availability),
  };
}

function claimOf({ claimId, availability, text, emoji, expiresAtMs, setAtMs }: StatusClaim): presence.StatusClaim {
  return {
    ...{ claimId, text, emoji, expiresAt: timestampOf(expiresAtMs), setAt: timestampOf(setAtMs) },
    source: claimId === selfClaim ? CLAIM_SOURCE_MANUAL : CLAIM_SOURCE_AUTOMATIC,
    availability: availabilities.indexOf(availability) as presence.Availability,
  };
}
