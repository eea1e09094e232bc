import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { freePort, startPresence, type TestPresence, waitUntil } from "@realchat/presence-testing";
import { PresenceChannels } from "../grpc/presence-channels.ts";
import { SessionKeeper } from "../sessions/session-keeper.ts";
import { watch } from "./watch.ts";

function follow(t: TestContext, channels: PresenceChannels, users: readonly string[] | "everyone"): string[] {
  const told: string[] = [];
  const stop = new AbortController();
  const ended = (async () => {
    for await (const news of watch(channels, { users, signal: stop.signal })) {
      told.push(news.kind === "change" ? `${news.online ? "+" : "-"}${news.userId}` : news.kind);
    }
  })();
  t.after(async () => {
    stop.abort();
    await ended;
  });
  return told;
}

test("presence is killed and starts anew: who came back is not told, who did not is offline", async (t) => {
  const env = { GRPC_ADDR: `127.0.0.1:${await freePort()}` };
  let node: TestPresence = await startPresence({ env });
  t.after(() => node.kill());
  await using channels = new PresenceChannels({ addresses: [env.GRPC_ADDR] });
  const keeper = new SessionKeeper({ channels, instanceId: "gw" });
  const alice = keeper.open({ userId: "alice", deviceId: "phone" });
  const bob = keeper.open({ userId: "bob", deviceId: "phone" });
  await Promise.all([alice.untilOnline(), bob.untilOnline()]);
  const told = follow(t, channels, "everyone");
  const some = follow(t, channels, ["alice", "carol"]);
  await waitUntil(() => told.includes("synced") && some.includes("synced"), { what: "both watches are in sync" });
  assert.deepEqual(told.toSorted(), ["+alice", "+bob", "synced"]);
  assert.deepEqual(some.toSorted(), ["+alice", "-carol", "synced"]);
  keeper.open({ userId: "carol", deviceId: "phone" });
  await waitUntil(() => told.at(-1) === "+carol" && some.at(-1) === "+carol", { what: "carol is told" });

  await node.kill();
  await waitUntil(() => told.at(-1) === "unsynced" && some.at(-1) === "unsynced", { what: "the cut is told" });
  await keeper.drain({ deadlineMs: 0 });
  node = await startPresence({ env });
  const later = new SessionKeeper({ channels, instanceId: "gw" });
  t.after(() => later.drain({ deadlineMs: 0 }));
  await waitUntil(() => told.at(-1) === "synced" && some.at(-1) === "synced", {
    ...{ what: "both watches are in sync again" },
  });
  assert.deepEqual(told.slice(5, -1).toSorted(), ["-alice", "-bob", "-carol"]);
  assert.deepEqual(some.slice(5, -1).toSorted(), ["-alice", "-carol"]);
  later.open({ userId: "bob", deviceId: "phone" });
  await waitUntil(() => told.at(-1) === "+bob", { what: "bob is told" });
});

test("a node that hangs is left, and what it kept back is told when it goes on", async (t) => {
  const node = await startPresence();
  t.after(() => node.kill());
  await using channels = new PresenceChannels({ addresses: [node.grpcAddress], checkTimeoutMs: 500 });
  const told = follow(t, channels, "everyone");
  await waitUntil(() => told.at(-1) === "synced", { what: "the watch is in sync" });
  node.pause();
  await waitUntil(() => told.at(-1) === "unsynced", { what: "the silence is told" });
  node.resume();
  await waitUntil(() => told.at(-1) === "synced", { what: "the watch is in sync again" });
});
