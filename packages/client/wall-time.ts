import { durationMs } from "@realchat/presence-proto/duration";

/** A google.protobuf.Timestamp: since 1970. */
interface WallTime {
  readonly seconds: number;
  readonly nanos: number;
}

/** @returns ms since 1970; 0: absent */
export function wallMsOf(time: WallTime | undefined): number {
  return time === undefined ? 0 : Math.floor(durationMs(time));
}
