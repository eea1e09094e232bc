import { type Figure, type Spread, summaryOf, type Target } from "./figure.ts";

const heads = ["figure", "median (min–max)", "baseline", "ratio", "target", "met"];

/** The figures in columns, for a terminal. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = [heads, ...figures.map(rowOf)];
  const widths = heads.map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] as number))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function rowOf(figure: Figure): string[] {
  const { spread, baseline, ratio, isMet } = summaryOf(figure);
  const { unit } = figure;
  return [
    figure.name,
    showSpread(spread, unit),
    baseline === undefined ? "" : `${showSpread(baseline, unit)} ${figure.baseline?.name}`,
    ratio === undefined ? "" : `${show(ratio)}×`,
    figure.target === undefined ? "" : showTarget(figure.target, unit),
    isMet === undefined ? "" : isMet ? "yes" : "no",
  ];
}

function showSpread({ median, min, max }: Spread, unit: string): string {
  return min === max ? `${show(median)} ${unit}` : `${show(median)} (${show(min)}–${show(max)}) ${unit}`;
}

function showTarget({ atMost, atLeast, ratioAtMost }: Target, unit: string): string {
  const parts = [
    atMost === undefined ? [] : `≤ ${show(atMost)} ${unit}`,
    atLeast === undefined ? [] : `≥ ${show(atLeast)} ${unit}`,
    ratioAtMost === undefined ? [] : `≤ ${ratioAtMost}×`,
  ];
  return parts.flat().join(", ");
}

/** Three digits say what a noisy machine can. */
function show(value: number): string {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return "∞";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
