import type { Benchmark } from "../benchmark.ts";
import { withEmbeddedGateway } from "./embedded-gateway.ts";
import { PlainServer } from "./plain/plain-server.ts";
import { growth, roomsOf } from "./socket-growth.ts";
import { usageOf } from "./usage.ts";

const opensPerSecond = 2_000;

/**
 * What an idle socket adds to the gateway process: the socket, its session and heartbeats, its place in push, and the
 * nine users that each watches. The sockets' buffers in the kernel are of no process. The baseline is `ws` alone.
 */
export const gatewayMemory: Benchmark = {
  name: "gateway-memory",
  about: "what an idle socket takes of the gateway's memory",
  limitSeconds: 300,
  async run(bench) {
    const sockets = bench.quick ? 1_000 : 10_000;
    const userIds = Array.from({ length: sockets }, (_, index) => `user-${index}`);
    // Long enough for every socket to have been pinged, and for what is garbage to be given back.
    const pace = { userIds, opensPerSecond, idleMs: bench.quick ? 5_000 : 27_000 };
    const count = sockets.toLocaleString("en");
    bench.progress(`${count} sockets on a gateway`);
    await withEmbeddedGateway(roomsOf(userIds), async (gateway) => {
      const ours = await growth({ address: gateway.socketAddress, usage: () => usageOf(gateway), ...pace });
      bench.progress("as many on ws alone");
      const plain = await PlainServer.start();
      const theirs = await growth({ address: plain.address, usage: () => plain.usage(), ...pace });
      plain.stop();
      const name = "ws alone";
      bench.report({
        name: `gateway RSS a socket, ${count} idle`,
        unit: "KB",
        samples: [ours.addedKb],
        baseline: { name, samples: [theirs.addedKb] },
        target: { atMost: 20 },
      });
      bench.report({
        name: "the whole process divided by its sockets",
        unit: "KB",
        samples: [ours.wholeKb],
        baseline: { name, samples: [theirs.wholeKb] },
      });
    });
  },
};
