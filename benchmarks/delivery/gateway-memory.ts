import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import { temporaryFolder } from "@realchat/presence-testing";
import { loggedOut } from "../../services/delivery/gateway/close-codes.ts";
import type { Benchmark } from "../benchmark.ts";
import type { Target } from "../report/figure.ts";
import { Crowd, socketUrl } from "./crowd/crowd.ts";
import { withEmbeddedGateway } from "./embedded-gateway.ts";
import { PlainServer } from "./plain/plain-server.ts";
import type { Relation } from "./relations.ts";
import { type Usage, usageOf } from "./usage.ts";

const opensPerSecond = 2_000;
const roomSize = 10;
/** Long enough for every socket to have been pinged, and for what is garbage to be given back. */
const idleMs = 27_000;
/** Until those who opened a socket are registered and were told of each other. */
const settleMs = 3_000;

/**
 * What an idle socket adds to the gateway process: the socket, its session and heartbeats, its place in push, and the
 * nine users that each watches. The sockets' buffers in the kernel are of no process. The baseline is `ws` alone; that of a
 * gateway with TLS is the one without.
 */
export const gatewayMemory: Benchmark = {
  name: "gateway-memory",
  about: "what an idle socket takes of the gateway's memory; with TLS, also what it takes of CPU, and a connect",
  limitSeconds: 480,
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
    bench.progress("as many with TLS");
    const secured: Growth[] = [];
    await withEmbeddedGateway(
      roomsOf(userIds),
      async (gateway) => {
        const address = `wss://${gateway.socketAddress}`;
        secured.push(await growth({ address, usage: () => usageOf(gateway), userIds, idleFor }));
      },
      tlsSettings(),
    );
    bench.progress("as many on ws alone");
    const plain = await PlainServer.start();
    const theirs = [await growth({ address: plain.address, usage: () => plain.usage(), userIds, idleFor })];
    plain.stop();
    const report = (name: string, unit: string, sides: Sides, read: (growth: Growth) => number, target?: Target) => {
      const { of, beside, others } = sides;
      bench.report({
        name,
        unit,
        samples: of.map(read),
        baseline: { name: beside, samples: others.map(read) },
        target,
      });
    };
    const besidePlain = { of: ours, beside: "ws alone", others: theirs };
    const atMost = 20;
    report(`gateway RSS a socket, ${count} idle`, "KB", besidePlain, ({ addedKb }) => addedKb, { atMost });
    report("the whole process divided by its sockets", "KB", besidePlain, ({ wholeKb }) => wholeKb);
    const besideUnsecured = { of: secured, beside: "without TLS", others: ours };
    report("gateway RSS a socket, with TLS", "KB", besideUnsecured, ({ addedKb }) => addedKb);
    report("gateway CPU a connect, with TLS", "µs", besideUnsecured, ({ connectUs }) => connectUs);
    report("gateway CPU an idle socket a second, with TLS", "µs", besideUnsecured, ({ idleUs }) => idleUs);
  },
};

interface Sides {
  readonly of: readonly Growth[];
  readonly beside: string;
  readonly others: readonly Growth[];
}

/** Of a socket. */
interface Growth {
  /** In 1,000 bytes. */
  readonly addedKb: number;
  readonly wholeKb: number;
  /** CPU to open it; and in a second while it is idle, less what the process takes without sockets. */
  readonly connectUs: number;
  readonly idleUs: number;
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
  await pause(clock, settleMs);
  const quiet = await usage();
  await pause(clock, idleFor);
  const before = await usage();
  await crowd.open(urls, opensPerSecond);
  await pause(clock, settleMs);
  const opened = await usage();
  await pause(clock, idleFor);
  const after = await usage();
  crowd.stop();
  const cpuUs = (from: Usage, to: Usage) => ((to.cpuSeconds - from.cpuSeconds) * 1_000_000) / userIds.length;
  return {
    addedKb: (after.residentBytes - before.residentBytes) / userIds.length / 1_000,
    wholeKb: after.residentBytes / userIds.length / 1_000,
    connectUs: cpuUs(before, opened),
    idleUs: (cpuUs(opened, after) - cpuUs(quiet, before)) / (idleFor / 1_000),
  };
}

function tlsSettings(): Record<string, string> {
  const { path } = temporaryFolder("gateway-tls");
  const { server } = issueCertificates();
  const files = { TLS_CERT: join(path, "tls.crt"), TLS_KEY: join(path, "tls.key") };
  writeFileSync(files.TLS_CERT, server.certificate);
  writeFileSync(files.TLS_KEY, server.key);
  return files;
}

function* roomsOf(userIds: readonly string[]): Generator<Relation> {
  for (let start = 0; start < userIds.length; start += roomSize) {
    yield { conversation_id: `room-${start}`, participants: userIds.slice(start, start + roomSize) };
  }
}
