import { z } from "zod";
import type { ValueKind } from "./setting.ts";

type Range = { readonly min: number; readonly max: number };
type Unit = { readonly suffix: string; readonly size: number };

const timeUnits: readonly Unit[] = [
  { suffix: "ms", size: 1 },
  { suffix: "s", size: 1_000 },
  { suffix: "m", size: 60_000 },
  { suffix: "h", size: 3_600_000 },
  { suffix: "d", size: 86_400_000 },
];

const sizeUnits: readonly Unit[] = [
  { suffix: "B", size: 1 },
  { suffix: "KiB", size: 2 ** 10 },
  { suffix: "MiB", size: 2 ** 20 },
  { suffix: "GiB", size: 2 ** 30 },
];

/** `60s`, `500ms`, `2m`, `1h`, `7d`, `1.5s`; a bare `0` is fine. The value is in milliseconds, an integer. */
export function duration(range: Range): ValueKind<number> {
  return quantity("duration", "such as 500ms, 60s, 2m, 1h or 7d", timeUnits, range);
}

/** `4MiB`, `64KiB`, `512B`. The value is in bytes, an integer. */
export function byteSize(range: Range): ValueKind<number> {
  return quantity("size", "such as 512B, 64KiB or 4MiB", sizeUnits, range);
}

/** 90_000 → `90s`, 120_000 → `2m`: in the largest unit that leaves a whole number. */
export function showDuration(ms: number): string {
  return showQuantity(ms, timeUnits);
}

function quantity(noun: string, example: string, units: readonly Unit[], range: Range): ValueKind<number> {
  const limits = `from ${showQuantity(range.min, units)} to ${showQuantity(range.max, units)}`;
  const right = `give a ${noun} ${example}, ${limits}`;
  const schema = z.string().transform((text, context) => {
    const wrong = (why: string) => {
      context.addIssue({ code: "custom", message: `${why}: ${right}` });
      return z.NEVER;
    };
    const [, digits, suffix = ""] = /^(\d+(?:\.\d+)?) *([a-z]*)$/i.exec(text) ?? [];
    if (digits === undefined) return wrong(`is not a ${noun}`);
    const unit = units.find((candidate) => candidate.suffix.toLowerCase() === suffix.toLowerCase());
    if (suffix === "" && Number(digits) !== 0) return wrong("has no unit");
    if (suffix !== "" && unit === undefined) return wrong(`has the unknown unit ${suffix}`);
    const value = Number(digits) * (unit?.size ?? 1);
    if (!Number.isInteger(value)) return wrong(`is not a whole number of ${units[0]?.suffix}`);
    if (value < range.min) return wrong("is too small");
    if (value > range.max) return wrong("is too large");
    return value;
  });
  return { placeholder: noun, schema, show: (value) => showQuantity(value, units) };
}

function showQuantity(value: number, units: readonly Unit[]): string {
  const unit = value === 0 ? undefined : units.findLast(({ size }) => value % size === 0);
  return unit === undefined ? String(value) : `${value / unit.size}${unit.suffix}`;
}
