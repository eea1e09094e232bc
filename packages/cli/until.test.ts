import assert from "node:assert/strict";
import { test } from "node:test";
import { readUntil } from "./until.ts";

const at = (...parts: [number, number, number, number?, number?]) => new Date(...parts).getTime();
const nowMs = at(2026, 11, 20, 14, 40);

test("until is a time from now, of today or of a day, where the reader is", () => {
  const cases: [string, number][] = [
    ["30m", nowMs + 1_800_000],
    ["1h", nowMs + 3_600_000],
    ["today", at(2026, 11, 21)],
    ["15:30", at(2026, 11, 20, 15, 30)],
    ["2026-12-24", at(2026, 11, 25)],
    ["2026-12-31", at(2027, 0, 1)],
    ["2026-12-24T09:05", at(2026, 11, 24, 9, 5)],
  ];
  for (const [text, wanted] of cases) assert.equal(readUntil(text, nowMs), wanted, text);
});

test("what is no such time is refused with what would be right", () => {
  const cases: [string, RegExp][] = [
    ["soon", /^--until soon is no time: give 30m, 1h, today/],
    ["90", /is no time/],
    ["2026-02-30", /is no day or time/],
    ["25:00", /is no day or time/],
    ["14:40", /has passed/],
    ["2026-12-19", /has passed/],
    ["2027-03-01", /is more than 30 days ahead/],
    ["60d", /is no time/],
    ["", /is no time/],
    ["T", /is no time/],
  ];
  for (const [text, message] of cases) assert.throws(() => readUntil(text, nowMs), { code: "USAGE", message }, text);
});
