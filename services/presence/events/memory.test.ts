import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type PublishedEntry, transitionsIn } from "../domain/log-entry.ts";
import { MemoryPublisher } from "./memory.ts";
import { publisherContract } from "./publisher.contract.ts";
import { sampleReset, sampleTransition } from "./testing/sample-transition.ts";

describe("memory publisher", () => {
  publisherContract(async () => {
    const publisher = new MemoryPublisher();
    return {
      publisher,
      versionsOf: async (userId) =>
        transitionsIn(publisher.recent)
          .filter((transition) => transition.userId === userId)
          .map(({ version }) => version),
    };
  });

  test("keeps only the last ones, and shows how many", async () => {
    const publisher = new MemoryPublisher({ keepMax: 3 });
    await publisher.publish([1, 2].map((version) => sampleTransition({ version })));
    await publisher.publish([3, 4].map((version) => sampleTransition({ version })));
    assert.deepEqual(
      publisher.recent.map(({ version }) => version),
      [2, 3, 4],
    );
    assert.deepEqual(publisher.metrics().bounds, { recent: { used: 3, limit: 3 } });
  });

  test("calls its listeners until they unsubscribe", async () => {
    const publisher = new MemoryPublisher();
    const heard: PublishedEntry[] = [];
    const end = publisher.subscribe((entry) => heard.push(entry));
    const first = [sampleTransition({ version: 1 }), sampleReset()];
    await publisher.publish(first);
    end();
    await publisher.publish([sampleTransition({ version: 2 })]);
    assert.deepEqual(heard, first);
  });
});
