import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PresenceError } from "../../domain/presence-error.ts";
import { defaultRules } from "../../domain/rules.ts";
import { Scene } from "./scene.ts";
import { contractOptions, type LossyHarness, type OpenLossyStore } from "./store-harness.ts";

const { ttlMs, leaseTtlMs } = defaultRules;

/** What a store promises that commands reach by a network: see domain/late-change.ts. */
export const lateChanges = (openStore: OpenLossyStore) =>
  describe("a change that is carried out too late", () => {
    function late(sentence: string, play: (scene: Scene, store: LossyHarness) => Promise<void>): void {
      test(sentence, async (context) => {
        const harness = await openStore(contractOptions);
        context.after(() => harness.close());
        await play(new Scene(harness), harness);
      });
    }
    const refused = (answer: Promise<unknown>) =>
      assert.rejects(
        answer,
        (error) =>
          error instanceof PresenceError && error.code === "UNAVAILABLE" && /LATE by \d+ ms/.test(error.message),
      );

    late("brings nobody online (P2)", async (scene, store) => {
      await refused(store.late(() => scene.register({ connectionId: "c1" })));
      assert.equal((await scene.user()).online, false);
      assert.deepEqual(await scene.transitions(), []);
      assert.equal((await scene.store.tick(scene.shardOf("anna"), 0)).sessions, 0);
      await scene.session({ connectionId: "c1" });
    });

    late("supersedes nobody who came since (P7)", async (scene, store) => {
      const sessionId = await scene.session({ connectionId: "c2" });
      for (const connectionId of ["c1", ""]) await refused(store.late(() => scene.register({ connectionId })));
      assert.equal(await scene.refresh({ sessionId }), "refreshed");
    });

    late("keeps nobody online who is gone (P2)", async (scene, store) => {
      await scene.session({ connectionId: "c1" });
      await scene.elapse(ttlMs - 1_000);
      await refused(store.late(() => scene.register({ connectionId: "c1" })));
      await scene.elapse(2_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "EXPIRED"]);
    });

    late("takes nobody down (P1)", async (scene, store) => {
      await scene.session();
      await refused(store.late(() => scene.unregister()));
      await scene.session({ userId: "ben", connectionId: "c1" });
      await refused(store.late(() => scene.unregister({ userId: "ben", reason: "CONNECTION_LOST" })));
      assert.deepEqual(await scene.devices(), ["phone"]);
      assert.deepEqual(await scene.devices("ben"), ["phone"]);
    });

    const open = (scene: Scene, leaseId = "L") => scene.store.openLease(leaseId, "gateway-1");

    late("keeps no lease whose process is gone, and opens none (P2)", async (scene, store) => {
      await open(scene);
      await scene.session({ connectionId: "c1", leaseId: "L" });
      await scene.elapse(leaseTtlMs - 1_000);
      for (const leaseId of ["L", "M"]) await refused(store.late(() => open(scene, leaseId)));
      await scene.elapse(2_000);
      assert.deepEqual(await scene.causes(), ["CONNECTED", "INSTANCE_LOST"]);
      assert.equal((await scene.store.tick(scene.shardOf("anna"), 0)).leases, 0);
    });
  });
