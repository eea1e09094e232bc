import type { RedisSite } from "@realchat/presence-redis/testing";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { tickCapMs } from "../../../domain/shard-clock.ts";
import type { StoreHarness, StoreOptions } from "../../contract/store-harness.ts";
import { shardKeys, storeKey } from "../keys.ts";
import { createRedisStore } from "../redis-store.ts";

const shards = 2;
const tickLimit = 100;

/**
 * A store on a Redis of its own, emptied first. Redis' own time cannot be moved, so the test moves what the
 * shards' clocks remember of it.
 */
export async function openRedisHarness(site: RedisSite, options: StoreOptions): Promise<StoreHarness> {
  await site.sendToAll("FLUSHALL");
  const store = createRedisStore(
    { ...options, ...site.place, shards, logMaxEntries: options.logMaxEntries * shards },
    systemClock,
  );
  await store.open();

  const keys = shardKeys(shards);
  const stepMs = tickCapMs(options.rules.ttlMs);
  const tickAll = async () => {
    for (let shard = 0; shard < shards; shard++) {
      while ((await store.tick(shard, tickLimit)).expired === tickLimit);
    }
  };
  /** Makes the last tick look as if it had been that long ago. */
  const age = async (ms: number) => {
    for (const { meta } of keys) await site.send(meta, "HINCRBY", meta, "ticked", String(-Math.round(ms)));
  };
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
    wait: (ms) => pause(systemClock, ms),
    async outliveRetention() {
      for (const { recordPrefix } of keys) {
        for (const key of (await site.send(recordPrefix, "KEYS", `${recordPrefix}*`)) as string[]) {
          if (Number(await site.send(key, "PTTL", key)) > 0) await site.send(key, "DEL", key);
        }
      }
    },
    async wallMs() {
      const [seconds, micros] = (await site.send(storeKey, "TIME")) as [string, string];
      return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
    },
    close: () => store.close(),
  };
}
