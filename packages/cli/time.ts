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

/** When something ends, where the reader is: `15:30` today, else `2026-12-24 15:30`. */
export function endOf(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const time = timeOfDay(atMs).slice(0, 5);
  return new Date(nowMs).toDateString() === at.toDateString() ? time : `${dayOf(at)} ${time}`;
}

function dayOf(at: Date): string {
  const parts = [at.getFullYear(), at.getMonth() + 1, at.getDate()];
  return parts.map((part) => String(part).padStart(2, "0")).join("-");
}

/** Such as `12 s`, `3 min`, `5 h`, `2 days`. */
export function lasting(elapsedMs: number): string {
  const elapsed = Math.max(0, Math.floor(elapsedMs / 1_000));
  if (elapsed < 60) return `${elapsed} s`;
  if (elapsed < 3_600) return `${Math.floor(elapsed / 60)} min`;
  if (elapsed < 48 * 3_600) return `${Math.floor(elapsed / 3_600)} h`;
  return `${Math.floor(elapsed / 86_400)} days`;
}

/** Such as `just now`, `12 s ago`, `3 min ago`, `5 h ago`, `2 days ago`. */
export function ago(atMs: number, nowMs: number): string {
  const elapsedMs = nowMs - atMs;
  return elapsedMs < 1_000 ? "just now" : `${lasting(elapsedMs)} ago`;
}
