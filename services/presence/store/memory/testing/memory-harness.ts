import { FakeClock } from "@realchat/presence-runtime/testing";
import { tickCapMs } from "../../../domain/shard-clock.ts";
import type { StoreHarness, StoreOptions } from "../../contract/store-harness.ts";
import { createMemoryStore, type MemoryStoreOptions } from "../memory-store.ts";

const tickLimit = 100;

/** A memory store whose time stands still until the test moves it. */
export async function openMemoryHarness(options: StoreOptions & MemoryStoreOptions): Promise<StoreHarness> {
  const clock = new FakeClock();
  const store = createMemoryStore({ maxSessions: 20_000, ...options }, clock);
  const stepMs = tickCapMs(options.rules.ttlMs);
  await store.open();

  const tickAll = async () => {
    while ((await store.tick(0, tickLimit)).expired === tickLimit);
  };
  return {
    store,
    async elapse(ms) {
      await tickAll();
      for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
        clock.freeze(Math.min(leftMs, stepMs));
        await tickAll();
      }
    },
    freeze: async (ms) => clock.freeze(ms),
    async stepBack(ms) {
      clock.freeze(ms);
      clock.stepWall(-ms);
      await tickAll();
    },
    wait: async (ms) => clock.freeze(ms),
    outliveRetention: async () => clock.freeze(options.retentionMs + 1_000),
    wallMs: async () => Math.floor(clock.nowUs() / 1000),
    agedMs: 0,
    close: () => store.close(),
  };
}
