import { plainStatus, type UserStatus } from "@realchat/presence-client";
import type { HiddenState } from "../privacy/policy-directory.ts";
import { type Dot, transitionOf } from "./dot.ts";
import { noTransition } from "./shown-user.ts";

/** A user's state as those see it to whom the user hides: as if it had logged out at that moment, and stayed away. */

/** What those are shown to whom the user hides. */
export interface HiddenDot extends Dot {
  /** When the user hid, wall clock, ms: it is another hiding if that differs. */
  readonly hiddenSinceMs: number;
}

/** The contract's TransitionCause. */
const causes = { connected: 1, loggedOut: 3 } as const;

/**
 * The state in which a user hides now.
 * @param told what was shown of the user before; undefined: nothing
 * @param dot what is known of the user now
 * @param sinceMs when the user hid
 * @param retentionMs how long presence keeps last seen; 0: not known
 */
export function hiddenStateOf(told: Dot | undefined, dot: Dot, sinceMs: number, retentionMs: number): HiddenState {
  const then = stateAt(told, dot, sinceMs);
  const lastSeenMs = then?.online ? sinceMs : (then?.lastSeenMs ?? 0);
  const { text = "", emoji = "", untilMs = 0 } = then?.status ?? {};
  return {
    ...{ sinceMs, lastSeenMs, shard: dot.shard, version: dot.version },
    deviceId: then?.devices?.[0] ?? then?.deviceId ?? "",
    forgetMs: lastSeenMs === 0 || retentionMs === 0 ? 0 : lastSeenMs + retentionMs,
    ...((text !== "" || emoji !== "") && { status: { text, emoji, untilMs } }),
  };
}

/** @returns undefined: who came after hiding was away then, and nothing is known of that */
function stateAt(told: Dot | undefined, dot: Dot, sinceMs: number): Dot | undefined {
  if (told?.online) return told;
  const isOfBefore = Math.floor(dot.version / 1_000) <= sinceMs;
  if (dot.online && isOfBefore) return dot;
  if (told !== undefined || dot.online) return told;
  return { ...dot, lastSeenMs: Math.min(dot.lastSeenMs, sinceMs), ...(!isOfBefore && { status: plainStatus(false) }) };
}

/**
 * The dot that those are shown to whom the user hides.
 * @param before what they were shown; undefined: nothing, so that nobody saw the user leave
 */
export function hiddenDot(hidden: HiddenState, before: Dot | HiddenDot | undefined, { userId, shard }: Dot): HiddenDot {
  const { sinceMs, lastSeenMs, deviceId, version } = hidden;
  const left = { cause: causes.loggedOut, deviceId, atUs: sinceMs * 1_000 };
  return {
    ...{ userId, online: false, version, lastSeenMs, shard, devices: [], hiddenSinceMs: sinceMs },
    ...(before?.online ? left : transitionOf(before)),
    status: statusOf(hidden),
  };
}

function statusOf({ status }: HiddenState): UserStatus {
  if (status === undefined) return plainStatus(false);
  const { text = "", emoji = "", untilMs = 0 } = status;
  return { ...plainStatus(false), text, emoji, untilMs };
}

/** Of a hidden state, when its text is over. */
export function withoutText(hidden: HiddenDot): HiddenDot {
  return { ...hidden, status: plainStatus(false) };
}

/** Of a hidden state, when presence lost its data: nothing is known of a user who was away. */
export function forgotten(hidden: HiddenDot, floor: number): HiddenDot {
  return { ...withoutText(hidden), ...noTransition, version: floor, lastSeenMs: 0 };
}

/** Of a user who is online and shows it again: as if it had come at that moment, with one of the devices. */
export function comingBack(dot: Dot, sinceMs: number): Dot {
  const deviceId = dot.devices?.[0] ?? dot.deviceId;
  const { traceparent: _, ...untraced } = dot;
  const devices = deviceId === "" ? undefined : [deviceId];
  return { ...untraced, cause: causes.connected, deviceId, atUs: sinceMs * 1_000, devices };
}
