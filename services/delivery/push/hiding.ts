import type { HiddenState } from "../privacy/policy-directory.ts";
import type { Dot } from "./dot.ts";

/** The contract's TransitionCause. */
const connected = 1;

/**
 * The state in which a user hides now: as if it had logged out at that moment.
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

/**
 * The state that a user was in when it hid.
 * @returns undefined: what is known is of later, and says nothing of then
 */
export function stateAt(told: Dot | undefined, dot: Dot, sinceMs: number): Dot | undefined {
  const isOfBefore = Math.floor(dot.version / 1_000) <= sinceMs;
  if (told === undefined) return isOfBefore ? dot : undefined;
  return !told.online && dot.online && isOfBefore ? dot : told;
}

/**
 * Whether a user who shows itself again is seen to be back: who is away stays as it was when it hid.
 * @param ms since when it shows itself, wall clock
 */
export function isBackSince(ms: number, { online, lastSeenMs }: Dot): boolean {
  return online || lastSeenMs > ms;
}

/** Of a user who is online and shows it again: as if it had come at that moment, with one of the devices. */
export function comingBack(dot: Dot, sinceMs: number): Dot {
  const deviceId = dot.devices?.[0] ?? dot.deviceId;
  const { traceparent: _, ...untraced } = dot;
  const devices = deviceId === "" ? undefined : [deviceId];
  return { ...untraced, cause: connected, deviceId, atUs: sinceMs * 1_000, devices };
}
