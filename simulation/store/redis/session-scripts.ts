import type { Activity } from "../../../services/presence/domain/activity.ts";
import { type Closing, decideClosing } from "../../../services/presence/domain/block.ts";
import { decideHeartbeat } from "../../../services/presence/domain/change/heartbeat.ts";
import { decideRegister } from "../../../services/presence/domain/change/register.ts";
import type { TwoClocks } from "../../../services/presence/domain/late-change.ts";
import { parseSessionId, sessionIdOf, unknownInstance } from "../../../services/presence/domain/session.ts";
import type {
  CloseResult,
  Heartbeat,
  RefreshResult,
  RegisterResult,
  Registration,
  SessionEnding,
  UnregisterResult,
} from "../../../services/presence/store/store.ts";
import type { ServerShard } from "./server-shard.ts";
import { beginSession, endSession, goOn, tell } from "./user-records.ts";

/** Each of these counts until `until`, and throws TooLate from then on, and NoClock. */

export function heartbeat(
  shard: ServerShard,
  { userId, deviceId, sessionId, instanceId = unknownInstance, leaseId = "" }: Heartbeat,
  until: TwoClocks,
  activity?: Activity,
): Exclude<RefreshResult, { kind: "failed" }> {
  const { records } = shard.data;
  const moment = shard.momentInTime(until);
  const lease = leaseId === "" ? undefined : shard.leases.named(leaseId);
  const connectionId = parseSessionId(sessionId)?.connectionId ?? "";
  const refusal = shard.blocks.refusal(userId, deviceId, connectionId, moment.clockMs);
  const request = { deviceId, sessionId, instanceId, lease, refusal, activity };
  const decision = decideHeartbeat(records.get(userId), request, moment, shard.rules);
  switch (decision.kind) {
    case "revived":
      beginSession(shard, userId, deviceId, decision, moment);
      return { kind: "refreshed" };
    case "live":
      goOn(shard, userId, deviceId, tell(shard, userId, decision.record), moment);
      return { kind: "refreshed" };
    case "superseded":
      return decision;
    default: {
      const { record: remembered, ...refusal } = decision;
      if (remembered !== undefined) records.set(userId, remembered);
      return refusal;
    }
  }
}

export function register(shard: ServerShard, registration: Registration, until: TwoClocks): RegisterResult {
  const { userId, deviceId, instanceId, connectionId, ageMs = 0, leaseId = "", idleSinceMs } = registration;
  const moment = shard.momentInTime(until);
  const record = shard.data.records.get(userId);
  const previous = parseSessionId(registration.previousSessionId);
  const lease = leaseId === "" ? undefined : shard.leases.named(leaseId);
  const refusal = shard.blocks.refusal(userId, deviceId, connectionId, moment.clockMs);
  const request = { deviceId, instanceId, connectionId, previous, ageMs, lease, refusal, idleSinceMs };
  const decision = decideRegister(record, request, moment, shard.rules);
  if (decision.kind !== "registered" && decision.kind !== "repeated") return decision;
  const { kind, session } = decision;
  let version = record?.version ?? 0;
  if (kind === "registered") version = beginSession(shard, userId, deviceId, decision, moment);
  else goOn(shard, userId, deviceId, decision.record, moment);
  return { kind, sessionId: sessionIdOf(session), version };
}

export function unregister(shard: ServerShard, ending: SessionEnding, until: TwoClocks): UnregisterResult {
  return endSession(shard, ending, shard.momentInTime(until));
}

export function closeSessions(shard: ServerShard, closing: Closing, until: TwoClocks): CloseResult {
  const { data, rules } = shard;
  const moment = shard.momentInTime(until);
  if (data.blocks.size >= rules.shardMaxBlocks) return { kind: "too-many-blocks" };
  const record = data.records.get(closing.userId);
  const { sessions, blocks } = decideClosing(record, closing, moment.clockMs, rules);
  shard.blocks.add(blocks);
  const refusal = { reason: closing.reason, leftMs: closing.blockMs };
  for (const { leaseId, ...session } of sessions) {
    endSession(shard, { ...session, reason: "FORCED" }, moment);
    if (leaseId !== undefined) shard.leaseNotice({ kind: "closed", leaseId, session, refusal });
  }
  return {
    kind: "closed",
    sessions: sessions.map(({ userId, deviceId, sessionId }) => ({ userId, deviceId, sessionId })),
  };
}

/** @returns whether it is open now */
export function openLease(shard: ServerShard, leaseId: string, instanceId: string, until: TwoClocks): boolean {
  return shard.leases.open(leaseId, instanceId, shard.momentInTime(until));
}
