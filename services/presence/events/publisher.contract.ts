import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventPublisher } from "./publisher.ts";
import { sampleReset, sampleTransition } from "./testing/sample-transition.ts";

interface PublisherUnderTest {
  readonly publisher: EventPublisher;
  /** The versions that consumers received for a user, in order. */
  versionsOf(userId: string): Promise<number[]>;
}

/** What every publisher promises. @param open makes a new publisher, not opened yet, without events */
export function publisherContract(open: () => Promise<PublisherUnderTest>): void {
  test("events are accepted when publish resolves, in order for each user (P4)", async () => {
    const { publisher, versionsOf } = await open();
    await publisher.open();
    const transitions = Array.from({ length: 250 }, (_, index) =>
      sampleTransition({ userId: index % 2 === 0 ? "even" : "odd", online: index % 4 < 2, version: 1_000_000 + index }),
    );
    await publisher.publish(transitions.slice(0, 200));
    await publisher.publish(transitions.slice(200));
    const even = Array.from({ length: 125 }, (_, index) => 1_000_000 + 2 * index);
    assert.deepEqual(await versionsOf("even"), even);
    assert.deepEqual(
      await versionsOf("odd"),
      even.map((version) => version + 1),
    );
    assert.equal(publisher.metrics().transitions, 250);
    assert.equal(publisher.metrics().failures, 0);
    assert.equal(publisher.health().ready, true, publisher.health().detail);
    await publisher.close(1_000);
  });

  test("resets are accepted among transitions, in order, and repeated without harm (P8)", async () => {
    const { publisher, versionsOf } = await open();
    await publisher.open();
    const entries = [
      sampleReset({ shard: 1 }),
      ...[sampleTransition({ version: 5 }), sampleReset(), sampleReset({ shard: 2 })],
      sampleTransition({ version: 6 }),
    ];
    await publisher.publish(entries);
    await publisher.publish([sampleReset(), sampleTransition({ version: 7 })]);
    assert.deepEqual(await versionsOf("alice"), [5, 6, 7]);
    assert.equal(publisher.metrics().transitions, 3);
    assert.equal(publisher.health().ready, true, publisher.health().detail);
    await publisher.close(1_000);
  });

  test("an empty publish is allowed", async () => {
    const { publisher } = await open();
    await publisher.open();
    await publisher.publish([]);
    assert.equal(publisher.metrics().transitions, 0);
    await publisher.close(1_000);
  });

  test("a closed publisher refuses events, and says that it is closed", async () => {
    const { publisher, versionsOf } = await open();
    await publisher.open();
    await publisher.close(1_000);
    await assert.rejects(publisher.publish([sampleTransition({ userId: "late" })]));
    assert.deepEqual(await versionsOf("late"), []);
    assert.equal(publisher.health().ready, false);
    assert.match(publisher.health().detail, /^closed/);
    assert.equal(publisher.metrics().failures, 1);
  });
}
