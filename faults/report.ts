import type { Verdict } from "./checker/check.ts";
import type { Violation } from "./checker/violation.ts";
import type { History } from "./history/history.ts";
import type { InjectedFault } from "./history/injected-fault.ts";
import { whyRecovering } from "./history/reader-history.ts";
import { isLeased } from "./history/session-life.ts";
import { secondsOf, timelineOf } from "./history/timeline.ts";
import { intersection, lengthOf, merged, type Span } from "./time/spans.ts";

/** What goes wrong at one moment has one cause, as a rule: violations that follow each other within this time, ms. */
const incidentMs = 5_000;
/** Timelines are long: of so many incidents the first violation's is told. */
const toldInFull = 20;
const headlinesMax = 12;

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
  const stories = incidentsOf(violations).map((incident, index) => storyOf(incident, history, index < toldInFull));
  return [faultTable(history), ...stories, ...countsOf(violations), sum].join("\n\n");
}

/** @param violations in the order of time */
function incidentsOf(violations: readonly Violation[]): Violation[][] {
  const incidents: Violation[][] = [];
  let lastMs = Number.NEGATIVE_INFINITY;
  for (const violation of violations) {
    if (violation.atMs - lastMs > incidentMs) incidents.push([]);
    incidents.at(-1)?.push(violation);
    lastMs = violation.atMs;
  }
  return incidents;
}

function storyOf(incident: readonly Violation[], history: History, inFull: boolean): string {
  const more = incident.length - headlinesMax;
  return [
    ...incident.slice(0, headlinesMax).map((one) => headline(one, history)),
    ...(more > 0 ? [`and ${more} more`] : []),
    ...incident.slice(0, inFull ? 1 : 0).map((one) => timelineOf(one, history)),
  ].join("\n");
}

function countsOf(violations: readonly Violation[]): string[] {
  const counts = [...Map.groupBy(violations, ({ promise }) => promise)].sort();
  return counts.length === 0 ? [] : [counts.map(([promise, { length }]) => `${promise}: ${length}`).join(", ")];
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
