import assert from "node:assert/strict";
import { describe } from "node:test";
import { defaultRules } from "../../domain/rules.ts";
import { scene } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

const { ttlMs } = defaultRules;

/** Ids that look alike when they are joined, escaped, normalised or taken for something else. */
const oddIds = [
  "a",
  "b",
  "a:b",
  "b:c",
  "c",
  "a:b:c",
  ":",
  "::",
  " ",
  "a b",
  "{x}",
  "{",
  "x",
  "\\",
  "\\0",
  "\\\\",
  "👩‍👩‍👧",
  "é",
  "e\u0301",
  "*",
  "?",
  "[a-z]",
  "'\"",
  "1",
  "01",
  "1.0",
  "0",
  "-1",
  "nan",
  "__proto__",
  "constructor",
  "toString",
  "user",
  "u",
  "v",
  "deadlines",
  "meta",
  "log",
  ".",
  "#",
  "x".repeat(128),
];

/** Any id that the limits let through is an identity of its own. */
export const identity = (open: OpenStore) =>
  describe("ids", () => {
    scene(open, "odd user ids never collide", async (scene) => {
      await Promise.all(oddIds.map((userId) => scene.session({ userId, instanceId: userId })));
      for (const view of await scene.store.users(oddIds)) {
        assert.equal(view.online, true, view.userId);
        assert.deepEqual(
          view.devices.map(({ deviceId, instanceId }) => [deviceId, instanceId]),
          [["phone", view.userId]],
        );
      }
      for (const [index, userId] of oddIds.entries()) {
        if (index % 2 === 0) assert.equal(await scene.unregister({ userId }), "ended", userId);
      }
      for (const [index, view] of (await scene.store.users(oddIds)).entries()) {
        assert.equal(view.online, index % 2 === 1, view.userId);
      }
      await scene.elapse(ttlMs + 1_000);
      for (const view of await scene.store.users(oddIds)) assert.equal(view.online, false, view.userId);
    });

    scene(open, "odd device ids never collide", async (scene) => {
      await Promise.all(oddIds.map((deviceId) => scene.session({ deviceId })));
      assert.deepEqual((await scene.devices()).toSorted(), oddIds.toSorted());
      await Promise.all(oddIds.map((deviceId) => scene.refresh({ deviceId })));
      for (const [index, deviceId] of oddIds.entries()) {
        const reason = index % 3 === 0 ? "LOGGED_OUT" : "CONNECTION_LOST";
        if (index % 2 === 0) await scene.unregister({ deviceId, reason });
      }
      const kept = oddIds.filter((_, index) => index % 2 === 1);
      assert.deepEqual((await scene.devices()).toSorted(), kept.toSorted());
      await scene.elapse(ttlMs + 1_000);
      assert.equal((await scene.user()).online, false);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "EXPIRED"]);
    });

    scene(open, "user and device never run into each other", async (scene) => {
      const pairs = oddIds
        .slice(0, 16)
        .flatMap((userId) => oddIds.slice(0, 16).map((deviceId) => ({ userId, deviceId })));
      const sessionIds = await Promise.all(pairs.map((pair) => scene.session({ ...pair, connectionId: "c1" })));
      const gone = (index: number) => index % 3 === 0;
      await Promise.all(
        pairs.map(async (pair, index) => {
          if (gone(index)) await scene.unregister({ ...pair, sessionId: sessionIds[index] as string });
        }),
      );
      const answers = await Promise.all(
        pairs.map((pair, index) => scene.refresh({ ...pair, sessionId: sessionIds[index] as string })),
      );
      for (const [index, answer] of answers.entries()) {
        assert.equal(answer, gone(index) ? "missing" : "refreshed", JSON.stringify(pairs[index]));
      }
    });

    scene(open, "odd connection and instance ids come back as they were", async (scene) => {
      for (const id of oddIds) {
        const sessionId = await scene.session({ userId: id, connectionId: id, instanceId: id });
        assert(sessionId.endsWith(`.${id}`), sessionId);
        assert.equal(await scene.refresh({ userId: id, sessionId }), "refreshed");
        assert.equal((await scene.user(id)).devices[0]?.instanceId, id);
        assert.equal((await scene.transitions(id))[0]?.instanceId, id);
        assert.equal(await scene.unregister({ userId: id, sessionId }), "ended");
        assert.deepEqual(await scene.register({ userId: id, connectionId: id }), { kind: "ended" });
      }
    });
  });
