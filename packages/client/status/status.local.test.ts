import assert from "node:assert/strict";
import { test } from "node:test";
import { freePort, startPresence, type TestPresence, waitUntil } from "@realchat/presence-testing";
import { PresenceChannels } from "../grpc/presence-channels.ts";
import { SessionKeeper } from "../sessions/session-keeper.ts";
import { watch } from "../watch/watch.ts";
import { shouldNotify } from "./should-notify.ts";
import { StatusKeeper } from "./status-keeper.ts";

test("presence that lost everything is told again what users said and whether they attend; until then they are notified", async (t) => {
  const env = { GRPC_ADDR: `127.0.0.1:${await freePort()}`, SESSION_TTL: "5s" };
  let node: TestPresence = await startPresence({ env });
  t.after(() => node.kill());
  const channels = new PresenceChannels({ addresses: [env.GRPC_ADDR], checkEveryMs: 200 });
  const statuses = new StatusKeeper({ channels });
  const keeper = new SessionKeeper({ channels, instanceId: "gw", statuses });
  const told: string[] = [];
  const watched = watch(channels, { users: ["alice"] });
  const ended = (async () => {
    for await (const news of watched) if (news.kind === "change") told.push(`${news.online} ${news.status.text}`);
  })();
  t.after(async () => {
    await watched.close();
    await ended;
    statuses.stop();
    await keeper.drain({ deadlineMs: 100 });
    await channels.close();
  });
  const attending = async () => (await shouldNotify(channels, ["alice", "bob"])).map(({ decision }) => decision).join();

  const alice = keeper.open({ userId: "alice", deviceId: "phone" });
  alice.setActivity("active");
  await alice.untilOnline();
  await waitUntil(() => keeper.metrics().lease.state === "open", { what: "the lease is open" });
  await statuses.setStatus("alice", { text: "review", availability: "busy" });
  await waitUntil(() => told.at(-1) === "true review", { what: "the status is told" });
  assert.equal(await attending(), "not,now");

  await node.kill();
  assert.equal(await attending(), "now,now");
  node = await startPresence({ env });
  await waitUntil(async () => (await attending()) === "not,now", { what: "presence knows that alice attends" });
  const text = async () => (await statuses.getStatus("alice")).status.text;
  await waitUntil(async () => (await text().catch(() => "")) === "review", { what: "presence has the status again" });
  const { claims } = await statuses.getStatus("alice");
  assert.deepEqual([claims.length, claims[0]?.claimId, claims[0]?.availability], [1, "self", "busy"]);
  assert.equal(told.at(-1), "true review");
});
