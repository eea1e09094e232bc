import type { Timestamp } from "@realchat/presence-proto";

/** Milliseconds since 1970. */
export function millisOf(timestamp: Timestamp): number {
  return timestamp.seconds * 1_000 + Math.floor(timestamp.nanos / 1_000_000);
}

/** As the JSON form of google.protobuf.Duration, such as `20s` or `0.500s`. */
export function durationJson(ms: number): string {
  return Number.isInteger(ms / 1_000) ? `${ms / 1_000}s` : `${(ms / 1_000).toFixed(3)}s`;
}

/** Such as `20 s`, `0.5 s`. */
export function seconds(ms: number): string {
  return `${Number((ms / 1_000).toFixed(3))} s`;
}

/** Hour, minute and second where the reader is. */
export function timeOfDay(atMs: number): string {
  const at = new Date(atMs);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** Such as `just now`, `12 s ago`, `3 min ago`, `5 h ago`, `2 days ago`. */
export function ago(atMs: number, nowMs: number): string {
  const elapsed = Math.floor((nowMs - atMs) / 1_000);
  if (elapsed < 1) return "just now";
  if (elapsed < 60) return `${elapsed} s ago`;
  if (elapsed < 3_600) return `${Math.floor(elapsed / 60)} min ago`;
  if (elapsed < 48 * 3_600) return `${Math.floor(elapsed / 3_600)} h ago`;
  return `${Math.floor(elapsed / 86_400)} days ago`;
}
