import assert from "node:assert/strict";
import { describe } from "node:test";
import { scene } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

const leaseMs = 10_000;

/** Who publishes a shard, and how far it is. */
export const publishing = (open: OpenStore) =>
  describe("publishing", () => {
    scene(open, "one node at a time holds a shard, and extends its own lease", async (scene) => {
      const first = await scene.store.claim(0, "node-a", leaseMs);
      assert(first !== undefined);
      assert.equal(await scene.store.claim(0, "node-b", leaseMs), undefined);
      const extended = await scene.store.claim(0, "node-a", leaseMs);
      assert.equal(extended?.fence, first.fence);
    });

    scene(open, "a lease that is given up goes to the next at once, with a higher fence", async (scene) => {
      const first = await scene.store.claim(0, "node-a", leaseMs);
      await scene.store.release(0, "node-b");
      assert.equal(await scene.store.claim(0, "node-b", leaseMs), undefined);
      await scene.store.release(0, "node-a");
      const second = await scene.store.claim(0, "node-b", leaseMs);
      assert(first !== undefined && second !== undefined && second.fence > first.fence);
    });

    scene(open, "a lease that is not extended lapses", async (scene) => {
      const first = await scene.store.claim(0, "node-a", 50);
      await scene.harness.wait(100);
      const second = await scene.store.claim(0, "node-b", leaseMs);
      assert(first !== undefined && second !== undefined && second.fence > first.fence);
      assert.equal(await scene.store.claim(0, "node-a", leaseMs), undefined);
    });

    scene(open, "cursors move forward only, each on its own, and outlive their holder (P4)", async (scene) => {
      const lease = await scene.store.claim(0, "node-a", leaseMs);
      assert(lease !== undefined);
      assert.deepEqual(lease.cursors, {});
      assert.equal(await scene.store.advance(0, lease.fence, { kafka: 20, "redis-pubsub": 10 }), true);
      assert.equal(await scene.store.advance(0, lease.fence, { kafka: 15, "redis-pubsub": 30 }), true);
      await scene.store.release(0, "node-a");
      const next = await scene.store.claim(0, "node-b", leaseMs);
      assert.deepEqual(next?.cursors, { kafka: 20, "redis-pubsub": 30 });
    });

    scene(open, "a node that lost its lease moves no cursor any more (P4)", async (scene) => {
      const lost = await scene.store.claim(0, "node-a", leaseMs);
      await scene.store.release(0, "node-a");
      const held = await scene.store.claim(0, "node-b", leaseMs);
      assert(lost !== undefined && held !== undefined);
      assert.equal(await scene.store.advance(0, lost.fence, { kafka: 99 }), false);
      assert.equal(await scene.store.advance(0, held.fence, { kafka: 7 }), true);
      assert.deepEqual((await scene.store.claim(0, "node-b", leaseMs))?.cursors, { kafka: 7 });
    });

    scene(open, "what is published stays a minute in the log for those who watch", async (scene) => {
      const [shard] = scene.shards as [number];
      for (const userId of scene.usersOf(shard, 20)) await scene.session({ userId });
      const before = await scene.log(shard);
      const last = await scene.store.lastVersion(shard);
      const lease = await scene.store.claim(shard, "node-a", leaseMs);
      assert(lease !== undefined);
      assert.equal(await scene.store.advance(shard, lease.fence, { kafka: last }), true);
      assert.deepEqual(await scene.log(shard), before);
      assert.equal((await scene.store.readLog(shard, last, 10)).gap, false);
    });

    scene(open, "nodes that live are counted, until they leave or fall silent", async (scene) => {
      assert.equal(await scene.store.announceNode("node-a", 10_000), 1);
      assert.equal(await scene.store.announceNode("node-b", 10_000), 2);
      assert.equal(await scene.store.announceNode("node-b", 10_000), 2);
      await scene.store.withdrawNode("node-a");
      assert.equal(await scene.store.announceNode("node-c", 50), 2);
      await scene.harness.wait(100);
      assert.equal(await scene.store.announceNode("node-b", 10_000), 1);
    });
  });
