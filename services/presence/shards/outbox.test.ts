import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LogEntry } from "../domain/log-entry.ts";
import { sampleTransition } from "../domain/transition.sample.ts";
import { Outbox } from "./outbox.ts";

function logOf(versions: number[]) {
  const read = async (after: number, limit: number): Promise<LogEntry[]> => {
    read.calls++;
    return versions
      .filter((version) => version > after)
      .slice(0, limit)
      .map((version) => sampleTransition(version));
  };
  read.calls = 0;
  return read;
}

const versionsOf = (entries: readonly LogEntry[]) => entries.map(({ version }) => version);

describe("outbox", () => {
  test("starts with the log's entries after the cursor", async () => {
    const outbox = new Outbox(2);
    assert.deepEqual(versionsOf(await outbox.next(10, logOf([1, 2, 3, 4]))), [3, 4]);
  });

  test("offers the same entries again until they were accepted (P4)", async () => {
    const outbox = new Outbox(0);
    const read = logOf([1, 2, 3]);
    assert.deepEqual(versionsOf(await outbox.next(2, read)), [1, 2]);
    const again = await outbox.next(2, read);
    assert.deepEqual(versionsOf(again), [1, 2]);
    outbox.accepted(again);
    assert.equal(outbox.cursor, 2);
    assert.deepEqual(versionsOf(await outbox.next(2, read)), [3]);
  });

  test("once it has caught up, announced entries need no read", async () => {
    const outbox = new Outbox(0);
    const read = logOf([]);
    await outbox.next(10, read);
    assert.equal(outbox.hasWork, false);
    outbox.announce(sampleTransition(1));
    outbox.announce(sampleTransition(2));
    assert.deepEqual(versionsOf(await outbox.next(10, read)), [1, 2]);
    assert.equal(read.calls, 1);
  });

  test("an entry announced during a read, which may not have seen it, is not lost (P4)", async () => {
    const outbox = new Outbox(0);
    const first = await outbox.next(10, async () => {
      outbox.announce(sampleTransition(2));
      return [sampleTransition(1)];
    });
    outbox.accepted(first);
    assert.deepEqual(versionsOf(await outbox.next(10, logOf([1, 2]))), [2]);
  });

  test("entries that were not announced are read from the log when they are next, also if they come during a read (P4)", async () => {
    const outbox = new Outbox(0);
    outbox.accepted(await outbox.next(10, logOf([1])));
    outbox.fallBehind();
    const first = await outbox.next(10, async () => {
      outbox.fallBehind();
      return [sampleTransition(2)];
    });
    outbox.accepted(first);
    assert.deepEqual(versionsOf(await outbox.next(10, logOf([1, 2, 3]))), [3]);
  });

  test("entries that do not fit in memory are read from the log when they are next, without gaps (P4)", async () => {
    const versions = Array.from({ length: 2_500 }, (_, index) => index + 1);
    const outbox = new Outbox(0);
    await outbox.next(1, logOf([]));
    for (const version of versions) outbox.announce(sampleTransition(version));
    const sent: number[] = [];
    while (outbox.hasWork) {
      const entries = await outbox.next(300, logOf(versions));
      outbox.accepted(entries);
      sent.push(...versionsOf(entries));
    }
    assert.deepEqual(sent, versions);
  });
});
