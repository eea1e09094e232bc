import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { createClient } from "@redis/client";
import { tickCapMs } from "../../../domain/shard-clock.ts";
import type { StoreHarness, StoreOptions } from "../../contract/store-harness.ts";
import { shardKeys } from "../keys.ts";
import { createRedisStore } from "../redis-store.ts";

const shards = 2;
const tickLimit = 100;

/**
 * A store on a Redis of its own, emptied first. Redis' own time cannot be moved, so the test moves what the
 * shards' clocks remember of it.
 */
export async function openRedisHarness(url: string, options: StoreOptions): Promise<StoreHarness> {
  const redis = createClient({ url, RESP: 2 });
  await redis.connect();
  await redis.sendCommand(["FLUSHALL"]);
  const store = createRedisStore(
    { ...options, url, shards, logMaxEntries: options.logMaxEntries * shards },
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
    for (const { meta } of keys) await redis.sendCommand(["HINCRBY", meta, "ticked", String(-Math.round(ms))]);
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
        for (const key of (await redis.sendCommand(["KEYS", `${recordPrefix}*`])) as unknown as string[]) {
          if (Number(await redis.sendCommand(["PTTL", key])) > 0) await redis.sendCommand(["DEL", key]);
        }
      }
    },
    async wallMs() {
      const [seconds, micros] = (await redis.sendCommand(["TIME"])) as unknown as [string, string];
      return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
    },
    async close() {
      await store.close();
      redis.destroy();
    },
  };
}
