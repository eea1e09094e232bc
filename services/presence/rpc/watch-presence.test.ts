import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { presence } from "@realchat/presence-proto";
import type { CallContext, ResponseStream } from "@realchat/presence-rpc";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { defaultLeasePace } from "../domain/lease.ts";
import { defaultLimits } from "../domain/limits.ts";
import { defaultRules } from "../domain/rules.ts";
import { PresenceService } from "../service/presence-service.ts";
import { createMemoryStore } from "../store/memory/memory-store.ts";
import type { PresenceStore } from "../store/store.ts";
import { WatchHub } from "../watch/watch-hub.ts";
import { presenceApi } from "./presence-api.ts";
import { watchPresence } from "./watch-presence.ts";

const pace = { ttlMs: 60_000, heartbeatIntervalMs: 20_000, lastSeenRetentionMs: 3_600_000, leases: defaultLeasePace };

describe("watching a store that recovers (P8)", () => {
  let store: PresenceStore;
  let service: PresenceService;
  let hub: WatchHub;
  let isRecovering: boolean;
  let told: string[];
  let end: AbortController;

  beforeEach(async () => {
    store = createMemoryStore({ rules: defaultRules, retentionMs: 3_600_000, logMaxEntries: 1_000 }, new FakeClock());
    await store.open();
    isRecovering = false;
    store.isRecovering = () => isRecovering;
    hub = new WatchHub(() => 0);
    service = new PresenceService({
      ...{ store, watches: hub, limits: defaultLimits, followsAllShards: () => true },
      ...{ rules: defaultRules, clock: new FakeClock() },
    });
    await come("alice");
    told = [];
    end = new AbortController();
  });

  const come = (userId: string) =>
    service.sessions.register({ userId, deviceId: "phone", instanceId: "g", connectionId: "", previousSessionId: "" });

  function watch(userIds: string[] = []): Promise<void> {
    const responses = {
      write(message: presence.WatchPresenceResponse) {
        const { snapshot, snapshotComplete, updates, reset, recovering } = message;
        const parts = [
          ...snapshot.map(({ userId, online }) => `${userId} ${online}`),
          ...updates.map(({ userId }) => userId),
        ];
        if (snapshotComplete) parts.push("complete");
        if (reset) parts.push("reset");
        told.push(`${parts.join(" ")}${recovering ? " (recovering)" : ""}`);
        return true;
      },
    };
    const call = { signal: end.signal };
    return watchPresence(service)({ userIds }, responses as ResponseStream<never>, call as CallContext);
  }

  test("says so at once, sends changes on, and starts over at the end", async () => {
    const watching = watch();
    await setImmediate();
    assert.deepEqual(told.splice(0), ["alice true", "complete"]);
    isRecovering = true;
    hub.recovering(0);
    await setImmediate();
    assert.deepEqual(told.splice(0), [" (recovering)"]);
    isRecovering = false;
    hub.recovered(0);
    await setImmediate();
    assert.deepEqual(told.splice(0), ["reset", "alice true", "complete"]);
    end.abort();
    await watching;
  });

  test("a snapshot says so, before the first tick that tells the watchers", async () => {
    isRecovering = true;
    const watching = watch(["alice", "ben"]);
    await setImmediate();
    assert.deepEqual(told, ["alice true ben false (recovering)", "complete (recovering)"]);
    end.abort();
    await watching;
  });

  test("GetPresence says so", async () => {
    const { getPresence } = presenceApi(service, pace, { waitedMs: 0 }, assert.fail).handlers as {
      getPresence(request: presence.GetPresenceRequest): Promise<presence.GetPresenceResponse>;
    };
    assert.equal((await getPresence({ userIds: ["ben"] })).recovering, false);
    isRecovering = true;
    assert.equal((await getPresence({ userIds: ["ben"] })).recovering, true);
    assert.equal((await getPresence({ userIds: [] })).recovering, false, "it was asked of nobody");
  });

  test("GetPresence says since when the data of these users' shards go back, where they once were lost", async () => {
    const { getPresence } = presenceApi(service, pace, { waitedMs: 0 }, assert.fail).handlers as {
      getPresence(request: presence.GetPresenceRequest): Promise<presence.GetPresenceResponse>;
    };
    assert.deepEqual((await getPresence({ userIds: ["ben"] })).data, []);
    store.dataSince = () => 7_000_000;
    assert.deepEqual((await getPresence({ userIds: ["ben", "ann"] })).data, [{ shard: 0, since: 7_000_000 }]);
    assert.deepEqual((await getPresence({ userIds: [] })).data, []);
  });
});
