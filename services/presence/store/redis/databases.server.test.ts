import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { startRedis, waitUntil } from "@realchat/presence-testing";
import { transitionsIn } from "../../domain/log-entry.ts";
import { contractOptions } from "../contract/store-harness.ts";
import { createRedisStore } from "./redis-store.ts";

test("two stores in two databases of one Redis do not hear each other: channels know no databases", async (t) => {
  const redis = await startRedis();
  const heard: string[][] = [];
  const stores = [0, 1].map((database) =>
    createRedisStore({ ...contractOptions, url: `${redis.url}/${database}`, shards: 1 }, systemClock),
  );
  t.after(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await redis.stop();
  });
  for (const [database, store] of stores.entries()) {
    const users: string[] = [];
    heard.push(users);
    await store.open();
    await store.tick(0, 0);
    let isListening = false;
    store.follow(0, {
      entry: (entry) => users.push(...transitionsIn([entry]).map(({ userId }) => userId)),
      interrupted() {
        isListening = true;
      },
    });
    await waitUntil(() => isListening, { what: `database ${database} is followed` });
  }
  for (const [database, store] of stores.entries()) {
    const registration = { deviceId: "phone", instanceId: "gateway", connectionId: "", previousSessionId: "" };
    await store.register({ ...registration, userId: `of-${database}` });
    // The own entry comes after all that must not be heard.
    await waitUntil(() => heard[database]?.includes(`of-${database}`), { what: "the own entry is heard" });
  }
  assert.deepEqual(heard, [["of-0"], ["of-1"]]);
});
