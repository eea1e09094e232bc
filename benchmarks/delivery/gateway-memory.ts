import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import { loggedOut } from "../../services/delivery/gateway/close-codes.ts";
import type { Benchmark } from "../benchmark.ts";
import { Crowd, socketUrl } from "./crowd/crowd.ts";
import { withEmbeddedGateway } from "./embedded-gateway.ts";
import { PlainServer } from "./plain/plain-server.ts";
import type { Relation } from "./relations.ts";
import { type Usage, usageOf } from "./usage.ts";

const opensPerSecond = 2_000;
const roomSize = 10;
/** Long enough for every socket to have been pinged, and for what is garbage to be given back. */
const idleMs = 27_000;

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
    const idleFor = bench.quick ? 5_000 : idleMs;
    const userIds = Array.from({ length: sockets }, (_, index) => `user-${index}`);
    const count = sockets.toLocaleString("en");
    bench.progress(`${count} sockets on a gateway`);
    const ours: Growth[] = [];
    await withEmbeddedGateway(roomsOf(userIds), async (gateway) => {
      ours.push(await growth({ address: gateway.socketAddress, usage: () => usageOf(gateway), userIds, idleFor }));
    });
    bench.progress("as many on ws alone");
    const plain = await PlainServer.start();
    const theirs = [await growth({ address: plain.address, usage: () => plain.usage(), userIds, idleFor })];
    plain.stop();
    const name = "ws alone";
    bench.report({
      name: `gateway RSS a socket, ${count} idle`,
      unit: "KB",
      samples: ours.map(({ addedKb }) => addedKb),
      baseline: { name, samples: theirs.map(({ addedKb }) => addedKb) },
      target: { atMost: 20 },
    });
    bench.report({
      name: "the whole process divided by its sockets",
      unit: "KB",
      samples: ours.map(({ wholeKb }) => wholeKb),
      baseline: { name, samples: theirs.map(({ wholeKb }) => wholeKb) },
    });
  },
};

/** Of a socket, in 1,000 bytes. */
interface Growth {
  readonly addedKb: number;
  readonly wholeKb: number;
}

async function growth(options: {
  address: string;
  usage: () => Promise<Usage>;
  userIds: readonly string[];
  idleFor: number;
}): Promise<Growth> {
  const { address, usage, userIds, idleFor } = options;
  const crowd = new Crowd();
  const urls = userIds.map((userId) => socketUrl(address, userId));
  // What the start left behind would otherwise make room for sockets, and they would seem to take less than they do.
  await crowd.open(urls.slice(0, urls.length / 10), opensPerSecond);
  await crowd.close(loggedOut);
  await pause(clock, idleFor);
  const before = await usage();
  await crowd.open(urls, opensPerSecond);
  await pause(clock, idleFor);
  const after = await usage();
  crowd.stop();
  return {
    addedKb: (after.residentBytes - before.residentBytes) / userIds.length / 1_000,
    wholeKb: after.residentBytes / userIds.length / 1_000,
  };
}

function* roomsOf(userIds: readonly string[]): Generator<Relation> {
  for (let start = 0; start < userIds.length; start += roomSize) {
    yield { conversation_id: `room-${start}`, participants: userIds.slice(start, start + roomSize) };
  }
}
