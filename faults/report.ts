import type { Verdict } from "./checker/check.ts";
import type { Violation } from "./checker/violation.ts";
import type { History } from "./history/history.ts";
import type { InjectedFault } from "./history/injected-fault.ts";
import { whyRecovering } from "./history/reader-history.ts";
import { isLeased } from "./history/session-life.ts";
import { secondsOf, timelineOf } from "./history/timeline.ts";
import { intersection, lengthOf, merged, type Span } from "./time/spans.ts";

/** Timelines are long: of each promise, this many are told in full. */
const toldInFull = 2;

/** The result for people: what was injected, what it cost, and the story of what went wrong. */
export function reportOf(history: History, verdict: Verdict, seed: number): string {
  const { violations, wrongSeconds, judgedShare } = verdict;
  const seconds = Math.round((history.endedMs - history.beganMs) / 1_000);
  const heldUp = Math.round(lengthOf(merged(history.stalls)) / 1_000);
  const leased = history.lives.filter(isLeased).length;
  const sum =
    `${history.faults.length} faults in ${seconds} s, of which the machine held processes up for ${heldUp} s; ` +
    `${history.lives.length} sessions, ${leased} of them under leases; ` +
    `${Math.round(judgedShare * 100)} % of the readers' time could be judged: ` +
    `${violations.length} violations, ${wrongSeconds.toFixed(1)} wrong seconds. Seed ${seed}.`;
  return [faultTable(history), ...stories(history, violations), sum].join("\n\n");
}

function stories(history: History, violations: readonly Violation[]): string[] {
  return [...Map.groupBy(violations, ({ promise }) => promise)].flatMap(([promise, all]) => [
    `${promise}: ${all.length} violations`,
    ...all.slice(0, toldInFull).map((one) => `${headline(one, history)}\n${timelineOf(one, history)}`),
    all
      .slice(toldInFull, 40)
      .map((one) => headline(one, history))
      .join("\n"),
  ]);
}

function headline({ promise, atMs, what }: Violation, history: History): string {
  return `VIOLATION of ${promise} at ${secondsOf(atMs, history).trim()} s: ${what}`;
}

/** Of each kind of fault: how often, how long, and for how long nobody got an answer, beside what is allowed. */
function faultTable(history: History): string {
  const silences = togetherSilent(history);
  const rows = [...Map.groupBy(history.faults, ({ kind }) => kind)].sort().map(([kind, faults]) => {
    const lasted = faults.reduce((total, { beganMs, healedMs }) => total + healedMs - beganMs, 0);
    const silent = Math.max(...faults.map((fault) => longestIn(silences, fault)));
    const allowed = Math.max(...faults.map(allowedSilenceMs));
    return [
      kind,
      String(faults.length),
      secondsText(lasted / faults.length),
      secondsText(silent),
      secondsText(allowed),
    ];
  });
  const all = [["fault", "times", "lasted (mean)", "no answer", "allowed"], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((row) => (row[column] as string).length)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] as number)).join("  ")).join("\n");
}

function secondsText(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** When no caller of any node was answered. */
function togetherSilent({ readers, endedMs }: History): Span[] {
  const silent = readers
    .filter(({ kind }) => kind === "poll")
    .map(({ availability }) =>
      merged(
        availability.flatMap(({ atMs, isAble, why }, index) =>
          isAble || why === whyRecovering ? [] : [{ beginMs: atMs, endMs: availability[index + 1]?.atMs ?? endedMs }],
        ),
      ),
    );
  return silent.reduce((left, right) => intersection(left, right));
}

function longestIn(silences: readonly Span[], { beganMs, healedMs }: InjectedFault): number {
  const ofFault = silences.filter(({ beginMs }) => beginMs >= beganMs && beginMs <= healedMs);
  return Math.max(0, ...ofFault.map(({ beginMs, endMs }) => endMs - beginMs));
}

function allowedSilenceMs({ beganMs, healedMs, allowance }: InjectedFault): number {
  return allowance.unavailableAfterMs === 0 ? 0 : healedMs - beganMs + allowance.unavailableAfterMs;
}
