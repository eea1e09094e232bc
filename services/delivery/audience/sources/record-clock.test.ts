import assert from "node:assert/strict";
import { test } from "node:test";
import { beforeAllRecords } from "../directory.ts";
import { writtenAt } from "./record-clock.ts";

const receivedUs = 1_790_000_000_000_000;
const news = { receivedUs, isFresh: true };
const history = { receivedUs, isFresh: false };
const nowMs = receivedUs / 1_000;

test("a record was written at its timestamp", () => {
  for (const receipt of [news, history]) {
    for (const hides of [true, false]) {
      assert.equal(writtenAt(nowMs - 60_000, hides, receipt), receivedUs - 60_000_000);
      assert.equal(writtenAt(nowMs, hides, receipt), receivedUs);
      assert.equal(writtenAt(1, hides, receipt), 1_000);
    }
  }
});

const impossible = {
  "5 minutes ahead": nowMs + 300_000,
  "a millisecond ahead": nowMs + 1,
  "in 2096": 4e12,
  "in the wrong unit": receivedUs,
  "without timestamp": -1,
  "at the beginning of time": 0,
  "before it": -5e12,
  "beyond all numbers": 2 ** 63,
};
for (const [what, timestampMs] of Object.entries(impossible)) {
  test(`${what}: what hides was written when it came, what shows before anything that hides`, () => {
    assert.equal(writtenAt(timestampMs, true, news), receivedUs);
    assert.equal(writtenAt(timestampMs, true, history), receivedUs);
    const shown = writtenAt(timestampMs, false, history);
    assert.ok(shown > beforeAllRecords && shown < 1_000);
    // A block that was written since the record came to the broker is later.
    const asNews = writtenAt(timestampMs, false, news);
    assert.ok(asNews < receivedUs && asNews > receivedUs - 100_000);
  });
}
