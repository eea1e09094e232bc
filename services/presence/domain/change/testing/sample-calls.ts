import assert from "node:assert/strict";
import type { Moment } from "../../moment.ts";
import { newOrderClock } from "../../order-clock.ts";
import { defaultRules } from "../../rules.ts";
import { type Session, sessionIdOf, type UserRecord } from "../../session.ts";
import { decideExpire } from "../expire.ts";
import { decideRegister, type RegisterRequest } from "../register.ts";
import { decideUnregister } from "../unregister.ts";

export const wallUs = 1_790_000_000_000_000;
export const clockMs = 500_000;

/** So many ms later, on both clocks. */
export function at(laterMs: number, moment: Partial<Moment> = {}): Moment {
  return {
    nowUs: wallUs + laterMs * 1_000,
    clockMs: clockMs + laterMs,
    orders: newOrderClock,
    beginUs: 0,
    beginClockMs: undefined,
    ...moment,
  };
}

export function request(fields: Partial<RegisterRequest> = {}): RegisterRequest {
  return { deviceId: "phone", instanceId: "gateway-1", connectionId: "", previous: undefined, ageMs: 0, ...fields };
}

/** Registers, which must succeed. */
export function register(record: UserRecord | undefined, moment: Moment, fields: Partial<RegisterRequest> = {}) {
  const decision = decideRegister(record, request(fields), moment, defaultRules);
  assert(decision.kind === "registered", decision.kind);
  return decision;
}

/** Ends with a reason, which must change the record. */
export function unregister(
  record: UserRecord,
  session: Session,
  moment: Moment,
  reason: "UNSPECIFIED" | "CONNECTION_LOST",
) {
  const ending = { deviceId: "phone", sessionId: sessionIdOf(session), reason };
  const decision = decideUnregister(record, ending, moment, defaultRules);
  assert(decision.kind !== "left-alone", decision.kind);
  return decision;
}

export function expire(record: UserRecord, session: Session, deadlineMs: number, moment: Moment) {
  const decision = decideExpire(record, { sessionId: sessionIdOf(session) }, deadlineMs, moment, defaultRules);
  assert(decision.kind === "expired");
  return decision;
}
