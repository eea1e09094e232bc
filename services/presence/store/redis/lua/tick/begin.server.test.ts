import assert from "node:assert/strict";
import { test } from "node:test";
import { integer, type Reply, text } from "@realchat/presence-redis";
import { seed, startRedis } from "@realchat/presence-testing";
import { createClient } from "@redis/client";
import fc from "fast-check";
import { newOrderClock, type OrderClock, readOrderClock, tickOrderClock } from "../../../../domain/order-clock.ts";
import { beginOf, type ShardOrigin, type Witness, whyBegin } from "../../../../domain/recovery.ts";
import { defaultRules } from "../../../../domain/rules.ts";
import { streamIdOf } from "../../../../domain/version.ts";
import { schemaVersion } from "../../health/store-mark.ts";
import { type ShardKeys, shardKeys } from "../../keys.ts";
import { scriptRules } from "../../script-rules.ts";
import { Scripts } from "../../scripts.ts";
import { tick } from "./tick.ts";

const runs = 1_500;
const reckonedMs = 5_000;

/** What the shard holds, `mine`: the server's own. */
interface Held {
  readonly hasClock: boolean;
  readonly run: "mine" | "other";
  readonly replication: "mine" | "other";
  /** Empty: of an earlier release. */
  readonly incarnation: string;
  readonly begin: number;
  readonly born: number;
  readonly lastVersion: number;
  /** Jump and level: µs after now. undefined: of an earlier release. */
  readonly orders: OrderClock | undefined;
}

/** Few, so that they often meet: none, of long ago, and ahead of the clock. */
const version = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 1_700_000_000_000_000, max: 1_700_000_000_000_003 }),
  fc.integer({ min: 5_000_000_000_000_000, max: 5_000_000_000_000_003 }),
);
const whose = fc.oneof({ weight: 4, arbitrary: fc.constant("mine" as const) }, fc.constant("other" as const));
const incarnation = fc.constantFrom("", "one", "two");
const afterUs = fc.integer({ min: -60_000_000, max: 60_000_000 });
const orders = fc.record({ aheadUs: fc.nat(60_000_000), jumpedUs: fc.constant(-30_000_000), levelUs: afterUs });
const held: fc.Arbitrary<Held> = fc.record({
  hasClock: fc.oneof({ weight: 6, arbitrary: fc.constant(true) }, fc.constant(false)),
  run: whose,
  replication: whose,
  incarnation,
  begin: version,
  born: version,
  lastVersion: version,
  orders: fc.option(orders, { nil: undefined }),
});
const reckoned = fc.option(afterUs, { nil: undefined });
const witness: fc.Arbitrary<Witness> = fc.record({ incarnation, tickedVersion: version, version });

test(`a shard begins anew, and its order clock ticks, by the script as by the domain, in ${runs} random cases (P7, P8)`, async (context) => {
  const redis = await startRedis();
  const client = createClient({ url: redis.url, RESP: 2 });
  await client.connect();
  context.after(async () => {
    client.destroy();
    await redis.stop();
  });
  const [keys] = shardKeys(1) as [ShardKeys];
  const { meta, deadlines, log, publisher, live, recordPrefix } = keys;
  const send = (command: readonly (string | Buffer)[]) => client.sendCommand<Reply>([...command]);
  const scripts = new Scripts(scriptRules(defaultRules, 3_600_000, 1_000));
  const info = text(await send(["INFO"]));
  const server = { runId: fieldOf(info, "run_id"), replicationId: fieldOf(info, "master_replid") };
  const nowUs = async () => {
    const [seconds, micros] = (await send(["TIME"])) as [string, string];
    return Number(seconds) * 1_000_000 + Number(micros);
  };
  const tickBy = (seen: Witness, fresh: string, reckonedUs = 0) =>
    scripts.run(
      { send },
      tick,
      { meta, deadlines, log },
      {
        ...{ limit: 0, reckonedMs, reckonedUs, recordPrefix, live, schema: schemaVersion, shards: 1 },
        ...{ incarnation: seen.incarnation, tickedVersion: seen.tickedVersion, seenVersion: seen.version },
        ...{ fresh, advance: "always", publisher },
      },
    );
  const hold = async (its: Held): Promise<OrderClock> => {
    await send(["FLUSHALL"]);
    const fields = ["begin", String(its.begin)];
    if (its.born > 0) fields.push("born", String(its.born));
    if (its.hasClock) fields.push("clock", "100", "ticked", "1000");
    const now = await nowUs();
    const { aheadUs, jumpedUs, levelUs } = its.orders ?? newOrderClock;
    const clock =
      its.orders === undefined ? newOrderClock : { aheadUs, jumpedUs: now + jumpedUs, levelUs: now + levelUs };
    if (its.orders !== undefined) {
      fields.push("order_ahead", String(aheadUs), "order_jumped", String(clock.jumpedUs));
      fields.push("order_level", String(clock.levelUs));
    }
    if (its.incarnation !== "") fields.push("incarnation", its.incarnation);
    fields.push("run_id", its.run === "mine" ? server.runId : "other");
    fields.push("replid", its.replication === "mine" ? server.replicationId : "other");
    await send(["HSET", meta, ...fields]);
    if (its.lastVersion > 0) await send(["XADD", log, streamIdOf(its.lastVersion), "e", "another program's"]);
    await send(["SET", publisher, "node-1"]);
    return clock;
  };
  const ordersNow = async (): Promise<OrderClock> => {
    const names = ["order_ahead", "order_jumped", "order_level"];
    const [aheadUs, jumpedUs, levelUs] = ((await send(["HMGET", meta, ...names])) as (string | null)[]).map(Number);
    return { aheadUs: aheadUs as number, jumpedUs: jumpedUs as number, levelUs: levelUs as number };
  };

  const property = fc.asyncProperty(held, witness, reckoned, async (its, seen, laterUs) => {
    const clock = await hold(its);
    const beforeUs = await nowUs();
    const reckonedUs = laterUs === undefined ? 0 : beforeUs + laterUs;
    const first = await tickBy(seen, "fresh", reckonedUs);
    const afterUs = await nowUs();
    const reason = whyBegin(originOf(its, server), server, seen);
    assert.equal(first.begun, reason ?? "");
    const ticked = tickOrderClock(clock, {
      ...{ nowUs: first.nowUs, reckonedUs, toleranceUs: defaultRules.ageMinMs * 1_000 },
      begunUs: reason === undefined ? 0 : first.tick.begin,
    });
    assert.deepEqual(await ordersNow(), ticked);
    assert.deepEqual([first.aheadUs, first.orderUs], [ticked.aheadUs, readOrderClock(ticked, first.nowUs)]);
    if (reason === undefined) {
      assert.deepEqual([first.tick.begin, first.incarnation], [its.begin, its.incarnation]);
      assert.equal(await send(["GET", publisher]), "node-1");
      return;
    }
    const known = { lastVersion: its.lastVersion, seenVersion: seen.version, begin: its.begin };
    const { begin, lastVersion, clockMs, recoveringMs } = first.tick;
    assert.ok(begin >= beginOf({ ...known, nowUs: beforeUs }) && begin <= beginOf({ ...known, nowUs: afterUs }));
    assert.deepEqual([lastVersion, recoveringMs, first.incarnation], [begin, defaultRules.ttlMs, "fresh"]);
    assert.ok(clockMs > reckonedMs);
    assert.equal(await send(["GET", publisher]), null);
    assert.equal(integer(await send(["HGET", meta, "fence"])), begin);
    const again = await tickBy({ incarnation: "fresh", tickedVersion: begin, version: begin }, "fresher");
    assert.deepEqual([again.begun, again.tick.begin], ["", begin], "once");
  });
  await fc.assert(property, { numRuns: runs, seed: seed() });
});

function originOf(
  its: Held,
  server: Pick<ShardOrigin, "runId" | "replicationId">,
): ShardOrigin | "unproven" | undefined {
  if (!its.hasClock) return undefined;
  if (its.incarnation === "") return "unproven";
  return {
    ...its,
    runId: its.run === "mine" ? server.runId : "other",
    replicationId: its.replication === "mine" ? server.replicationId : "other",
  };
}

function fieldOf(info: string, name: string): string {
  return new RegExp(`^${name}:(\\w+)`, "m").exec(info)?.[1] ?? "";
}
