import assert from "node:assert/strict";
import { test } from "node:test";
import { ContractReader } from "@realchat/presence-client/testing";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { isMark } from "../domain/log-entry.ts";
import { defaultRules } from "../domain/rules.ts";
import { userPresenceOf } from "../rpc/wire.ts";
import { createMemoryStore } from "../store/memory/memory-store.ts";
import { encodeEnvelope } from "./codec.ts";

/**
 * ContractReader follows docs/contract.md as it was before there were statuses: it knows USER_ONLINE, USER_OFFLINE and
 * PRESENCE_RESET alone.
 */
test("a consumer that knows no statuses passes over them, and is right all the same (P3, P4)", async () => {
  const step = fc.record({
    kind: fc.constantFrom("register", "end", "say", "clear", "idle", "ask"),
    device: fc.nat(2),
  });
  const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
    const clock = new FakeClock();
    const store = createMemoryStore({ rules: defaultRules, retentionMs: 3_600_000, logMaxEntries: 1_000 }, clock);
    await store.open();
    const reader = new ContractReader({ partitions: 1 });
    const sessionIds = new Map<string, string>();
    let position = 0;
    for (const { kind, device } of steps) {
      clock.freeze(10);
      const session = { userId: "anna", deviceId: `device-${device}` };
      const sessionId = sessionIds.get(session.deviceId) ?? "0.none";
      switch (kind) {
        case "register": {
          const result = await store.register({
            ...{ ...session, instanceId: "gateway-1", connectionId: `c${clock.nowUs()}`, previousSessionId: "" },
          });
          assert(result.kind === "registered");
          sessionIds.set(session.deviceId, result.sessionId);
          break;
        }
        case "end":
          await store.unregister({ ...session, sessionId, reason: "LOGGED_OUT" });
          break;
        case "say": {
          const claim = { claimId: "self", emoji: "", expiresAtMs: undefined, setAtMs: undefined };
          await store.setStatus("anna", { ...claim, availability: "BUSY", text: `text ${device}` });
          break;
        }
        case "clear":
          await store.clearStatus("anna", "self", undefined);
          break;
        case "idle": {
          const idleSinceMs = device === 0 ? 0 : clock.nowUs() / 1_000 - 600_000;
          await store.setActivity({ ...session, sessionId }, { sequence: 0, idleSinceMs });
          break;
        }
        case "ask": {
          const presences = (await store.users(["anna"])).map(userPresenceOf);
          reader.answer({ presences, recovering: false, lastSeenRetention: undefined, data: [] });
          break;
        }
      }
      const { entries } = await store.readLog(0, position, 100);
      for (const entry of entries) {
        assert(!isMark(entry));
        reader.record(0, encodeEnvelope(entry));
        position = entry.version;
      }
      const [view] = await store.users(["anna"]);
      assert.equal(reader.isOnline("anna") ?? false, view?.online);
    }
  });
  await fc.assert(property, { seed: seed() });
});
