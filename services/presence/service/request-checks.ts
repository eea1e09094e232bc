import { faultOfId, faultOfText, type IdFault } from "@realchat/presence-runtime/ids";
import { faultOfEmoji, faultOfStatusText } from "@realchat/presence-runtime/status-text";
import { blockMaxMs, blockMinMs, reasonMaxBytes } from "../domain/block.ts";
import type { Limits } from "../domain/limits.ts";
import { PresenceError } from "../domain/presence-error.ts";
import type { SessionRef } from "../domain/session.ts";

/** 7 days. */
const ageMaxMs = 604_800_000;

/** Digits of an order and its separator in front of a connection id; see domain/session.ts. */
const sessionIdExtraBytes = 17;

/** @throws PresenceError INVALID_ARGUMENT, naming field and limit, unless it is an id */
export function checkId(field: string, id: string, { idMaxBytes }: Limits): void {
  refuse(field, faultOfId(id, idMaxBytes));
}

/** As `checkId`, but empty means absent. */
export function checkOptionalId(field: string, id: string, { idMaxBytes }: Limits): void {
  refuse(field, faultOfText(id, idMaxBytes));
}

/** A session_id, or empty where the caller has none. */
export function checkSessionId(field: string, id: string, { idMaxBytes }: Limits): void {
  refuse(field, faultOfText(id, idMaxBytes + sessionIdExtraBytes));
}

/** How long ago something was. @throws PresenceError INVALID_ARGUMENT unless it is 0 to 7 days */
export function checkAge(field: string, ageMs: number): void {
  if (ageMs >= 0 && ageMs <= ageMaxMs) return;
  throw invalid(`${field} is ${ageMs / 1_000} s: send 0 to ${ageMaxMs / 1_000} s, or leave it out`);
}

/** Timestamps of protobuf end with the year 9999. */
const lastMomentMs = 253_402_300_799_999;

/** Clocks of callers may be ahead of ours by so much, ms. */
const clockSkewMs = 60_000;

/** What a status says; may be empty. @throws PresenceError INVALID_ARGUMENT */
export function checkText(field: string, text: string): void {
  refuse(field, faultOfStatusText(text));
}

/** @throws PresenceError INVALID_ARGUMENT */
export function checkEmoji(field: string, emoji: string): void {
  refuse(field, faultOfEmoji(emoji));
}

/** A time of day, wall clock; undefined: absent. @throws PresenceError INVALID_ARGUMENT */
export function checkMoment(field: string, ms: number | undefined): void {
  if (ms === undefined || (ms >= 0 && ms <= lastMomentMs)) return;
  throw invalid(`${field} is not between 1970 and 9999: send the time in seconds since 1970`);
}

/** @throws PresenceError INVALID_ARGUMENT when it is too far ahead */
export function checkClaimEnd(field: string, ms: number | undefined, nowMs: number, maxMs: number): void {
  if (ms === undefined || ms <= nowMs + maxMs + clockSkewMs) return;
  const days = (value: number) => Math.round(value / 86_400_000);
  throw invalid(
    `${field} is ${days(ms - nowMs)} days ahead, limit ${days(maxMs)}: send an earlier one, or leave it out`,
  );
}

/** @throws PresenceError INVALID_ARGUMENT unless it is text for people, without control characters */
export function checkReason(field: string, reason: string): void {
  const instead = `send 1 to ${reasonMaxBytes} bytes`;
  if (reason === "") throw invalid(`${field} is empty: ${instead}`);
  const fault = faultOfText(reason, reasonMaxBytes);
  if (fault !== undefined) throw invalid(`${field} ${fault.what}: ${instead} without control characters`);
}

/** @throws PresenceError INVALID_ARGUMENT unless it is a second to 30 days */
export function checkBlock(field: string, blockMs: number): void {
  if (blockMs >= blockMinMs && blockMs <= blockMaxMs) return;
  const limits = `${blockMinMs / 1_000} to ${blockMaxMs / 1_000} s`;
  throw invalid(`${field} is ${blockMs / 1_000} s: send ${limits}, or leave it out`);
}

/** @throws PresenceError INVALID_ARGUMENT unless it is 0, for the default, to `limit` */
export function checkPageSize(field: string, size: number, limit: number): void {
  if (size < 0 || size > limit) throw invalid(`${field} is ${size}: send 1 to ${limit}, or leave it out`);
}

/** @throws PresenceError INVALID_ARGUMENT when `count` is above `limit` */
export function checkCount(field: string, count: number, limit: number): void {
  if (count > limit) throw invalid(`${field} has ${count} entries, limit ${limit}: split the call`);
}

/** @param prefix of the field that names the session: "", or "sessions[7]." */
export function checkSession(session: SessionRef, prefix: string, limits: Limits): void {
  checkId(`${prefix}user_id`, session.userId, limits);
  checkId(`${prefix}device_id`, session.deviceId, limits);
  checkSessionId(`${prefix}session_id`, session.sessionId, limits);
}

export function checkUsers(userIds: readonly string[], limits: Limits): void {
  checkCount("user_ids", userIds.length, limits.queryMaxUsers);
  for (const [index, userId] of userIds.entries()) checkId(`user_ids[${index}]`, userId, limits);
}

function refuse(field: string, fault: IdFault | undefined): void {
  if (fault === undefined) return;
  throw invalid(`${field} ${fault.what}: ${fault.instead}`);
}

function invalid(message: string): PresenceError {
  return new PresenceError("INVALID_ARGUMENT", message);
}
