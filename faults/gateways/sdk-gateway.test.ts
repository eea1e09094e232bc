import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { ScriptedPresence } from "../../packages/client/testing/scripted-presence.ts";
import type { SessionLife } from "../history/session-life.ts";
import { SdkGateway } from "./sdk-gateway.ts";

test("a lease that the SDK gives up for another one is kept no more", async () => {
  const clock = new FakeClock();
  const presence = new ScriptedPresence(clock, { hasLeases: true });
  const lives: SessionLife[] = [];
  const gateway = new SdkGateway({ name: "sdk-leased", isLeased: true, channels: presence, lives, clock });
  await clock.advance(10);
  const life = gateway.open("alice", "phone");
  await clock.advance(2_000);
  for (const leaseId of presence.leases.keys()) presence.leases.set(leaseId, "closed");
  await clock.advance(11_000);
  gateway.freeze();
  const leases = new Set(life.calls.flatMap(({ lease }) => lease ?? []));
  assert.deepEqual(
    [...leases].map(({ releasedMs }) => releasedMs !== undefined),
    [true, false],
  );
});
