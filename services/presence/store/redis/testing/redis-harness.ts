import type { RedisSite } from "@realchat/presence-redis/testing";
import type { Clock } from "@realchat/presence-runtime";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { settleShard } from "@realchat/presence-testing";
import { tickCapMs } from "../../../domain/shard-clock.ts";
import type { LossyHarness, StoreOptions } from "../../contract/store-harness.ts";
import { type ShardKeys, shardKeys, storeKeys } from "../keys.ts";
import { createRedisStore } from "../redis-store.ts";

const shards = 2;
const tickLimit = 100;

/**
 * A store on a Redis of its own, emptied first. Redis' own time cannot be moved, so the test moves what the
 * shards' clocks remember of it.
 */
export async function openRedisHarness(site: RedisSite, options: StoreOptions): Promise<LossyHarness> {
  await site.sendToAll("FLUSHALL");
  const { clock, late, jump } = shiftedClock(systemClock);
  const store = createRedisStore(
    { ...options, ...site.place, shards, logMaxEntries: options.logMaxEntries * shards },
    clock,
  );
  const keys = shardKeys(shards);
  for (const { meta } of keys) await site.send(meta, "EVAL", settleShard, "1", meta);
  await store.open();

  const stepMs = tickCapMs(options.rules.ttlMs);
  const tickOf = async (shard: number) => {
    while ((await store.tick(shard, tickLimit)).expired === tickLimit);
  };
  const tickAll = async () => {
    await Promise.all(keys.map((_, shard) => tickOf(shard)));
  };
  let agedMs = 0;
  let hasCopy = false;
  /** Makes the last tick, and what is claimed of users, look as if it had been that long ago; in the copy, too. */
  const age = async (ms: number) => {
    const byMs = Math.round(ms);
    agedMs += byMs;
    const prefixes = hasCopy ? ["", ofCopy] : [""];
    await Promise.all(
      keys.flatMap(({ meta, claims, recordPrefix }) =>
        prefixes.map((of) =>
          site.send(meta, "EVAL", ageShard, "1", of + meta, of + recordPrefix, String(byMs), of + claims),
        ),
      ),
    );
  };
  const { copy, ...losses } = losing(site, keys, tickAll);
  return {
    store,
    async elapse(ms) {
      await tickAll();
      for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
        await age(Math.min(leftMs, stepMs));
        await tickAll();
      }
    },
    freeze: age,
    async stepBack(ms) {
      // All that passes is what the node's clock tells.
      jump(ms);
      await tickAll();
    },
    wait: (ms) => pause(systemClock, ms),
    async outliveRetention() {
      for (const { recordPrefix } of keys) {
        for (const key of (await site.send(recordPrefix, "KEYS", `${recordPrefix}*`)) as string[]) {
          if (Number(await site.send(key, "PTTL", key)) > 0) await site.send(key, "DEL", key);
        }
      }
    },
    async wallMs() {
      const [seconds, micros] = (await site.send(storeKeys().store, "TIME")) as [string, string];
      return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
    },
    get agedMs() {
      return agedMs;
    },
    close: () => store.close(),
    late,
    async copy() {
      await copy();
      hasCopy = true;
    },
    ...losses,
  };
}

/** Takes ms off the time of the last tick, and off all times of claims: see lua/record/record.lua. */
const ageShard = `
redis.call('HINCRBY', KEYS[1], 'ticked', -ARGV[2])
-- While the slot migrates, a key that is not there may be elsewhere.
local users = redis.pcall('ZRANGE', ARGV[3], 0, -1)
for _, user in ipairs(users) do
  local text = redis.call('GET', ARGV[1] .. user)
  local header, book, lines = string.match(text or '', '^([^\\30]*\\30)([^\\n]*)(.*)$')
  local function older(digits) return string.format('%d', math.max(1, digits - ARGV[2])) end
  if book and book ~= '' then
    local said, claims = string.match(book, '^([^\\30]*)(.*)$')
    said = string.gsub(said, '^(%d\\31[^\\31]*\\31[^\\31]*\\31)(%d*)\\31(%d+)', function(before, ends, from)
      return before .. (ends ~= '' and older(ends) or '') .. '\\31' .. older(from)
    end)
    claims = string.gsub(claims, '\\31(%d+)\\31(%d+)%f[\\30%z]', function(ends, set)
      return '\\31' .. older(ends) .. '\\31' .. older(set)
    end)
    redis.call('SET', ARGV[1] .. user, header .. said .. claims .. lines, 'KEEPTTL')
    redis.call('ZINCRBY', ARGV[3], -ARGV[2], user)
  end
end`;

/** More than any change may be late. */
const lateMs = 60_000;

/** A node's clock that can jump, and calls that the node made long ago by it. */
function shiftedClock(real: Clock): { readonly clock: Clock; jump(ms: number): void } & Pick<LossyHarness, "late"> {
  let aheadMs = 0;
  const jump = (ms: number) => {
    aheadMs += ms;
  };
  return {
    clock: { ...real, monotonicMs: () => real.monotonicMs() + aheadMs },
    jump,
    async late(call) {
      jump(-lateMs);
      const answer = call();
      // By then the change is on its way, and nothing was answered yet: a next tick comes after all microtasks, and before
      // all input.
      const isSent = new Promise<void>((resolve) => process.nextTick(resolve)).then(() => jump(lateMs));
      return (await Promise.all([answer, isSent]))[0];
    },
  };
}

type Losing = Pick<LossyHarness, "flush" | "copy" | "setBack" | "failOver">;

/** Of the copies of keys; the hash tag stays the same. */
const ofCopy = "copy:";

/** What the servers of a site may do to the shards. */
function losing(site: RedisSite, keys: readonly ShardKeys[], tickAll: () => Promise<void>): Losing {
  const names = async (pattern: string) => (await site.sendToAll("KEYS", pattern)).flat() as string[];
  const drop = async (found: readonly string[]) => {
    await Promise.all(found.map((name) => site.send(name, "DEL", name)));
  };
  const moveToAnotherServer = async () => {
    // The process that wrote last was another one than that which answers; a new connection begins with ticks.
    for (const { meta } of keys) await site.send(meta, "HSET", meta, "run_id", "another");
    await tickAll();
  };
  return {
    flush: async () => drop(await names("presence:*")),
    async copy() {
      await drop(await names(`${ofCopy}*`));
      await Promise.all((await names("presence:*")).map((name) => site.send(name, "COPY", name, ofCopy + name)));
    },
    async setBack(by) {
      await drop(await names("presence:*"));
      const copies = await names(`${ofCopy}*`);
      await Promise.all(copies.map((name) => site.send(name, "COPY", name, name.slice(ofCopy.length))));
      if (by === "another server") await moveToAnotherServer();
    },
    failOver: moveToAnotherServer,
  };
}
