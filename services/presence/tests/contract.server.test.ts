import { describe } from "node:test";
import { startPresence, startRedis } from "@realchat/presence-testing";
import { presenceApiContract } from "./contract/presence-api.contract.ts";

describe("two presence nodes on one Redis", { concurrency: 3 }, () =>
  presenceApiContract(async (env) => {
    const redis = await startRedis();
    const start = () => startPresence({ env: { REDIS_URL: redis.url, ...env } });
    const nodes = await Promise.all([start(), start()]);
    return {
      addresses: nodes.map(({ grpcAddress }) => grpcAddress),
      async stop() {
        await Promise.all(nodes.map((node) => node.stop()));
        await redis.stop();
      },
    };
  }),
);
