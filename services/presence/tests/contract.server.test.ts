import { describe } from "node:test";
import { type RedisSite, redisKinds } from "@realchat/presence-redis/testing";
import { settleShard, startPresence } from "@realchat/presence-testing";
import { shardKeys } from "../store/redis/keys.ts";
import type { StartNodes } from "./contract/contract-harness.ts";
import { presenceApiContract, presenceApiCore } from "./contract/presence-api.contract.ts";

const shards = 16;

async function settle(site: RedisSite): Promise<void> {
  for (const { meta } of shardKeys(shards)) await site.send(meta, "EVAL", settleShard, "1", meta);
}

for (const [index, kind] of redisKinds.entries()) {
  const start: StartNodes = async (env) => {
    const site = await kind.start();
    await settle(site);
    const startNode = () => startPresence({ env: { ...site.env, SHARDS: String(shards), ...env }, recovers: true });
    const nodes = await Promise.all([startNode(), startNode()]);
    return {
      addresses: nodes.map(({ grpcAddress }) => grpcAddress),
      async stop() {
        await Promise.all(nodes.map((node) => node.stop()));
        await site.stop();
      },
    };
  };
  describe(`two presence nodes on ${kind.name}`, { concurrency: 3 }, () =>
    index === 0 ? presenceApiContract(start) : presenceApiCore(start),
  );
}
