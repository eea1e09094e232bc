import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { ErrorReply } from "@redis/client";
import { RedisError } from "./redis-error.ts";
import type { RedisPlace } from "./redis-place.ts";
import { SettingsWatch } from "./settings-watch.ts";
import type { RedisServers } from "./topology/redis-servers.ts";

const behindSentinels: RedisPlace = { url: "redis://main", sentinel: { master: "main", addresses: [] } };

/** A master with these settings, that Sentinels take for dead after that time. */
function master(toWrite: string, maxLag: string, downAfterMs: number | undefined = 5_000): RedisServers {
  const send = async () => ["min-replicas-to-write", toWrite, "min-replicas-max-lag", maxLag];
  return serverThat(send, downAfterMs);
}

function serverThat(send: () => Promise<unknown>, downAfterMs?: number): RedisServers {
  return { downAfterMs, servers: [{ name: "redis://m", link: { isReady: true, send } }] } as never as RedisServers;
}

async function risksOf(servers: RedisServers): Promise<readonly string[]> {
  const watch = new SettingsWatch(behindSentinels, () => {}, systemClock);
  await watch.look(servers);
  return watch.found.risks;
}

describe("a master behind Sentinels that is cut off", () => {
  test("stops by the time that another one is promoted", async () => {
    assert.deepEqual(await risksOf(master("1", "5")), []);
    assert.deepEqual(await risksOf(master("2", "1")), []);
  });

  for (const [what, toWrite, maxLag] of [
    ["it needs no replica", "0", "5"],
    ["it waits longer for them than Sentinels for it", "1", "6"],
    ["it waits for them for ever", "1", "0"],
  ] as const) {
    test(`goes on if ${what}`, async () => {
      const wanted = `min-replicas-to-write is ${toWrite} and min-replicas-max-lag ${maxLag}: a master that is cut off`;
      const [risk = "", ...others] = await risksOf(master(toWrite, maxLag));
      assert(risk.startsWith(wanted), risk);
      assert.match(risk, /set them to 1 or more, and to 5 or less$/);
      assert.deepEqual(others, []);
    });
  }

  test("can be told to stop after a second at the soonest", async () => {
    assert.deepEqual(await risksOf(master("1", "1", 500)), []);
    assert.match((await risksOf(master("1", "2", 500))).join(), /and to 1 or less$/);
  });

  test("may stop or not where it does not tell: nothing is known, and it is not asked again soon", async () => {
    let asked = 0;
    const servers = serverThat(async () => {
      asked += 1;
      throw new RedisError("UNAVAILABLE", "cannot answer", { cause: new ErrorReply("NOPERM no config|get") });
    }, 5_000);
    const watch = new SettingsWatch(behindSentinels, () => {}, systemClock);
    for (let times = 0; times < 3; times++) await watch.look(servers);
    assert.deepEqual(watch.found, {
      risks: [],
      unknown: "min-replicas-to-write, min-replicas-max-lag cannot be read: permit +config|get to this user",
    });
    assert.equal(asked, 1);
  });

  test("is told of once", async () => {
    const told: string[] = [];
    const watch = new SettingsWatch(behindSentinels, (risk) => told.push(risk), systemClock);
    for (let times = 0; times < 3; times++) await watch.look(master("0", "10"));
    assert.equal(told.length, 1);
  });
});

test("nothing is asked of one server", async () => {
  const watch = new SettingsWatch({ url: "redis://m" }, () => {}, systemClock);
  await watch.look(serverThat(() => assert.fail("it was asked")));
  assert.deepEqual(watch.found, { risks: [], unknown: undefined });
});
