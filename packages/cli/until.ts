import { duration } from "@realchat/presence-runtime/settings";
import { CliError } from "./cli-error.ts";

const dayMs = 86_400_000;
const span = duration({ min: 1_000, max: 30 * dayMs });

/**
 * Reads when something is to end, where the reader is: `30m`, `1h`, `today`, `15:30`, `2026-12-24` (with that day) or
 * `2026-12-24T15:30`.
 * @returns ms since 1970
 * @throws CliError USAGE
 */
export function readUntil(text: string, nowMs: number): number {
  const now = new Date(nowMs);
  const midnightAfter = (year: number, month: number, day: number) => new Date(year, month, day + 1).getTime();
  if (text === "today") return midnightAfter(now.getFullYear(), now.getMonth(), now.getDate());
  const [, year, month, day, hour, minute] = /^(?:(\d{4})-(\d\d)-(\d\d))?T?(?:(\d\d):(\d\d))?$/.exec(text) ?? [];
  if (year === undefined && hour === undefined) return nowMs + readSpan(text);
  const date = year === undefined ? now : new Date(Number(year), Number(month) - 1, Number(day));
  const [y, m, d] = [date.getFullYear(), date.getMonth(), date.getDate()];
  const atMs = hour === undefined ? midnightAfter(y, m, d) : new Date(y, m, d, Number(hour), Number(minute)).getTime();
  const isDate = year === undefined || (m === Number(month) - 1 && d === Number(day));
  if (!isDate || Number(hour ?? 0) > 23 || Number(minute ?? 0) > 59) throw wrong(text, "is no day or time");
  if (atMs <= nowMs) throw wrong(text, "has passed");
  if (atMs > nowMs + 30 * dayMs) throw wrong(text, "is more than 30 days ahead");
  return atMs;
}

function readSpan(text: string): number {
  const parsed = span.schema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw wrong(text, "is no time");
}

function wrong(text: string, why: string): CliError {
  const right = "give 30m, 1h, today, 15:30, 2026-12-24 or 2026-12-24T15:30, at most 30 days ahead";
  return new CliError("USAGE", `--until ${text} ${why}: ${right}`);
}
