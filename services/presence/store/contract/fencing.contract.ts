import assert from "node:assert/strict";
import { describe } from "node:test";
import { defaultRules } from "../../domain/rules.ts";
import { scene } from "./scene.ts";
import type { OpenStore } from "./store-harness.ts";

const { ttlMs } = defaultRules;

/** P7: a replaced session has no effect any more. */
export const fencing = (open: OpenStore) =>
  describe("fencing (P7)", () => {
    scene(open, "a replaced session cannot refresh", async (scene) => {
      const old = await scene.session({ connectionId: "c1" });
      await scene.session({ connectionId: "c2" });
      assert.equal(await scene.refresh({ sessionId: old }), "superseded");
    });

    scene(open, "a replaced session's heartbeat keeps nobody alive (P2)", async (scene) => {
      const old = await scene.session({ connectionId: "c1" });
      await scene.session({ connectionId: "c2" });
      for (let beat = 0; beat < 3; beat++) {
        await scene.elapse(ttlMs / 3);
        assert.equal(await scene.refresh({ sessionId: old }), "superseded");
      }
      await scene.elapse(1_000);
      assert.equal((await scene.user()).online, false);
    });

    scene(open, "a replaced session cannot end its successor, whatever the reason", async (scene) => {
      const old = await scene.session({ connectionId: "c1" });
      const successor = await scene.session({ connectionId: "c2" });
      for (const reason of ["UNSPECIFIED", "LOGGED_OUT", "CONNECTION_LOST", "SERVER_DRAIN"] as const) {
        assert.equal(await scene.unregister({ sessionId: old, reason }), "fenced");
      }
      assert.equal(await scene.refresh({ sessionId: successor }), "refreshed");
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });

    scene(open, "a replaced session cannot replace its successor, even after that one ended", async (scene) => {
      const old = await scene.session({ connectionId: "c1" });
      const successor = await scene.session({ connectionId: "c2" });
      assert.deepEqual(await scene.register({ connectionId: "c1", previousSessionId: old }), { kind: "superseded" });
      await scene.unregister({ sessionId: successor });
      assert.deepEqual(await scene.register({ connectionId: "c1", previousSessionId: old }), { kind: "superseded" });
      assert.deepEqual(await scene.register({ connectionId: "c1" }), { kind: "superseded" });
      assert.equal(await scene.refresh({ sessionId: old }), "superseded");
      assert.equal((await scene.user()).online, false);
    });

    scene(open, "a replaced session stays fenced after its successor expired", async (scene) => {
      const old = await scene.session({ connectionId: "c1" });
      await scene.session({ connectionId: "c2" });
      await scene.elapse(ttlMs + 1_000);
      assert.equal(await scene.refresh({ sessionId: old }), "superseded");
      assert.deepEqual(await scene.register({ connectionId: "c1", previousSessionId: old }), { kind: "superseded" });
    });

    scene(open, "a late duplicate of an expired session's Register cannot replace who came since", async (scene) => {
      await scene.session({ connectionId: "c0" });
      await scene.elapse(ttlMs + 1_000);
      const living = await scene.session({ connectionId: "c1", instanceId: "gateway-2" });
      assert.deepEqual(await scene.register({ connectionId: "c0" }), { kind: "superseded" });
      assert.equal(await scene.refresh({ sessionId: living }), "refreshed");
      await scene.elapse(ttlMs + 1_000);
      assert.deepEqual(await scene.register({ connectionId: "c0" }), { kind: "superseded" });
      assert.deepEqual(await scene.causes(), ["CONNECTED", "EXPIRED", "CONNECTED", "EXPIRED"]);
    });

    scene(open, "whoever sends the session_id of a session without connection_id is fenced by it", async (scene) => {
      const old = await scene.session();
      const successor = await scene.session();
      assert.notEqual(successor, old);
      assert.equal(await scene.refresh({ sessionId: old }), "superseded");
      assert.equal(await scene.unregister({ sessionId: old }), "fenced");
      assert.equal(await scene.refresh({ sessionId: successor }), "refreshed");
      assert.equal(await scene.unregister({ sessionId: successor }), "ended");
    });

    scene(open, "calls without session_id never touch a session with connection_id", async (scene) => {
      await scene.session({ connectionId: "c1" });
      assert.equal(await scene.unregister(), "fenced");
      assert.equal(await scene.unregister({ reason: "CONNECTION_LOST" }), "fenced");
      for (let beat = 0; beat < 3; beat++) {
        await scene.elapse(ttlMs / 3 - 1_000);
        assert.equal(await scene.refresh(), "superseded");
      }
      assert.deepEqual(await scene.devices(), ["phone"]);
      await scene.elapse(4_000);
      assert.equal((await scene.user()).online, false);
      assert.equal(await scene.refresh(), "missing");
      assert.equal((await scene.user()).online, false);
    });

    scene(open, "a session_id that was never given out is neither refreshed nor ends anything", async (scene) => {
      const sessionId = await scene.session({ connectionId: "c1" });
      const order = sessionId.slice(0, sessionId.indexOf("."));
      for (const forged of [
        "nonsense",
        "0",
        `${order}`,
        `${order}.`,
        `${order}.c2`,
        `0${sessionId}`,
        `${sessionId}1`,
      ]) {
        assert.notEqual(await scene.refresh({ sessionId: forged }), "refreshed", forged);
        assert.equal(await scene.unregister({ sessionId: forged }), "fenced", forged);
      }
      assert.equal(await scene.refresh({ userId: "ben", sessionId }), "missing");
      assert.equal(await scene.refresh({ sessionId }), "refreshed");
    });

    scene(open, "of two gateways that fight over a device exactly the last one holds it", async (scene) => {
      const sessionIds: string[] = [];
      for (let round = 0; round < 12; round++) {
        const instanceId = `gateway-${round % 2}`;
        sessionIds.push(await scene.session({ connectionId: `c${round}`, instanceId }));
      }
      const last = sessionIds.pop() as string;
      for (const sessionId of sessionIds) assert.equal(await scene.refresh({ sessionId }), "superseded");
      assert.equal(await scene.refresh({ sessionId: last }), "refreshed");
      assert.deepEqual(await scene.causes(), ["CONNECTED"]);
    });
  });
