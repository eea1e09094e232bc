import { durationMs, durationOf } from "@realchat/presence-proto/duration";

/** A google.protobuf.Timestamp: since 1970. */
interface WallTime {
  readonly seconds: number;
  readonly nanos: number;
}

/** @returns ms since 1970; 0: absent */
export function wallMsOf(time: WallTime | undefined): number {
  return time === undefined ? 0 : Math.floor(durationMs(time));
}

/** @param ms since 1970; undefined: absent */
export function wallTimeOf(ms: number | undefined): WallTime | undefined {
  return ms === undefined ? undefined : durationOf(ms);
}
