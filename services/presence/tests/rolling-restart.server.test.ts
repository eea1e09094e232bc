import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { PresenceChannels } from "@realchat/presence-client";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { freePort, startPresence, startRedis, type TestPresence, waitUntil } from "@realchat/presence-testing";

test("nodes behind one name are replaced one by one: calls go to all of them, follow the name, and none fails", async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const port = await freePort();
  const start = (host: string) =>
    startPresence({ env: { REDIS_URL: redis.url, GRPC_ADDR: `${host}:${port}`, DRAIN_DELAY: "500ms" } });
  const nodes = new Map<string, TestPresence>();
  t.after(() => Promise.all([...nodes.values()].map((node) => node.kill())));
  for (const host of ["127.0.0.1", "127.0.0.2"]) nodes.set(host, await start(host));

  const lookup = async () => [...nodes.keys()];
  const channels = new PresenceChannels({ addresses: [`dns:///presence:${port}`], lookup, lookupEveryMs: 200 });
  t.after(() => channels.close());
  const failures = keepCalling(t, channels);
  const isCalled = async (host: string) => (await answeredBy(nodes.get(host))) > 10;
  await waitUntil(async () => (await isCalled("127.0.0.1")) && (await isCalled("127.0.0.2")), {
    what: "both are called",
  });

  for (const [leaving, coming] of [
    ["127.0.0.1", "127.0.0.3"],
    ["127.0.0.2", "127.0.0.4"],
  ] as const) {
    nodes.set(coming, await start(coming));
    await waitUntil(() => isCalled(coming), { what: "the new node is called" });
    assert.equal(await nodes.get(leaving)?.stop(), 0);
    // Later than the node is gone, as names are.
    nodes.delete(leaving);
  }
  assert.deepEqual(failures, []);
});

/** Eight callers, one call after the other. @returns what failed so far */
function keepCalling(t: TestContext, channels: PresenceChannels): readonly unknown[] {
  const failures: unknown[] = [];
  const over = new AbortController();
  const callers = Array.from({ length: 8 }, async () => {
    while (!over.signal.aborted) {
      await channels.api.getPresence({ userIds: ["alice"] }).catch((error: unknown) => failures.push(error));
      await pause(systemClock, 2);
    }
  });
  t.after(async () => {
    over.abort();
    await Promise.all(callers);
  });
  return failures;
}

async function answeredBy(node: TestPresence | undefined): Promise<number> {
  if (node === undefined) return 0;
  const text = await (await fetch(`http://${node.httpAddress}/metrics`)).text();
  return Number(/^presence_rpc_duration_seconds_count\{[^}]*GetPresence"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}
