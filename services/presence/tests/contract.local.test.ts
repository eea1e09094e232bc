import { describe } from "node:test";
import { startPresence } from "@realchat/presence-testing";
import { presenceApiContract } from "./contract/presence-api.contract.ts";

describe("presence, embedded", { concurrency: 3 }, () =>
  presenceApiContract(async (env) => {
    const node = await startPresence({ env });
    return { addresses: [node.grpcAddress], stop: async () => void (await node.stop()) };
  }),
);
