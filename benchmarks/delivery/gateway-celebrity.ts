import { systemClock as clock } from "@realchat/presence-runtime/clock";
import { type TestDelivery, waitUntil } from "@realchat/presence-testing";
import { connect, type SocketClient } from "../../services/delivery/testing/socket-client.ts";
import type { PresenceClient } from "../../services/presence/testing/presence-client.ts";
import type { Benchmark } from "../benchmark.ts";
import { openLoop } from "../load/open-loop.ts";
import { spreadOf } from "../report/figure.ts";
import { Crowd, socketUrl } from "./crowd/crowd.ts";
import { withEmbeddedGateway } from "./embedded-gateway.ts";
import { PlainServer } from "./plain/plain-server.ts";
import { knowEachOther } from "./relations.ts";
import { figureAmong } from "./usage.ts";

const celebrity = "celebrity";
const witness = "witness";
/** Users that come one after the other during the celebrity's fan-out; only the witness watches them. */
const passersBy = Array.from({ length: 40 }, (_, index) => `passer-by-${index}`);
const passersPerSecond = 100;

/**
 * From the celebrity's RegisterSession to the frame in the hands of the last of his watchers, who are a process of
 * their own, with store and feed in memory; and how late others' dots are meanwhile. The baseline is `ws` alone, told
 * by its parent process.
 */
export const gatewayCelebrity: Benchmark = {
  name: "gateway-celebrity",
  about: "how long the fan-out to 10,000 watchers of one user takes, and how long others wait meanwhile",
  limitSeconds: 240,
  async run(bench) {
    const count = bench.quick ? 1_000 : 10_000;
    const rounds = bench.quick ? 2 : 8;
    const fans = Array.from({ length: count }, (_, index) => `fan-${index}`);
    const known = [
      ...fans.flatMap((fan) => knowEachOther(fan, celebrity)),
      ...passersBy.flatMap((passer) => knowEachOther(witness, passer)),
    ];
    bench.progress(`opening ${count.toLocaleString("en")} sockets on each side`);
    await withEmbeddedGateway(known, async (gateway, presence) => {
      const plain = await PlainServer.start();
      const crowds = [new Crowd(), new Crowd()] as const;
      await crowds[0].open(urls(gateway.socketAddress, fans), 2_000);
      await crowds[1].open(urls(plain.address, fans), 2_000);
      const client = await connect({ address: gateway.socketAddress, userId: witness });
      await untilQuiet(gateway, count);
      const ours: Appearance[] = [];
      const quietly: number[] = [];
      const theirs: number[] = [];
      for (let round = 0; round <= rounds; round++) {
        const quiet = await passBy(presence, client);
        const appearance = await appear(presence, client, crowds[0], count);
        const plainMs = await appearPlainly(plain, crowds[1], count);
        if (round === 0) continue;
        ours.push(appearance);
        quietly.push(spreadOf(quiet).max);
        theirs.push(plainMs);
        bench.progress(`round ${round} of ${rounds}: all told after ${Math.round(appearance.reachedMs)} ms`);
      }
      client.socket.close();
      for (const crowd of crowds) crowd.stop();
      plain.stop();
      bench.report({
        name: `RegisterSession → the last of ${count.toLocaleString("en")} watchers`,
        unit: "ms",
        samples: ours.map(({ reachedMs }) => reachedMs),
        baseline: { name: "ws alone", samples: theirs },
        target: { atMost: 250 },
      });
      bench.report({
        name: "RegisterSession of others meanwhile → their dots, worst",
        unit: "ms",
        samples: ours.map(({ othersMs }) => spreadOf(othersMs).max),
        baseline: { name: "without a celebrity", samples: quietly },
        target: { atMost: 250 },
      });
    });
  },
};

function urls(address: string, fans: readonly string[]): string[] {
  return fans.map((fan) => socketUrl(address, fan, { group: "fans" }));
}

/** All snapshots are written: no frame that comes from now on is one. */
async function untilQuiet(gateway: TestDelivery, sockets: number): Promise<void> {
  const isQuiet = async () => {
    const metrics = await gateway.metrics();
    return (
      figureAmong(metrics, "delivery_frames_total") > sockets && figureAmong(metrics, "delivery_sockets_busy") === 0
    );
  };
  await waitUntil(isQuiet, { what: "every socket has its snapshot", deadlineMs: 30_000 });
}

interface Appearance {
  readonly reachedMs: number;
  /** From each call for another user to the dot. */
  readonly othersMs: readonly number[];
}

async function appear(presence: PresenceClient, client: SocketClient, fans: Crowd, count: number): Promise<Appearance> {
  const who = { userId: celebrity, deviceId: "phone", instanceId: "elsewhere" };
  let sessionId = "";
  let othersMs: number[] = [];
  const startUs = clock.nowUs();
  const endUs = await fans.untilTold(celebrity, count, async () => {
    const others = passBy(presence, client);
    ({ sessionId } = await presence.api.registerSession(who));
    othersMs = await others;
  });
  await fans.untilTold(celebrity, count, async () => {
    await presence.api.unregisterSession({ ...who, sessionId });
  });
  return { reachedMs: (endUs - startUs) / 1_000, othersMs };
}

async function appearPlainly(plain: PlainServer, fans: Crowd, count: number): Promise<number> {
  const startUs = clock.nowUs();
  const endUs = await fans.untilTold(celebrity, count, async () => plain.tell("fans", celebrity));
  return (endUs - startUs) / 1_000;
}

/** They come, evenly, are seen, and go again. @returns ms from when each was due to come to the dot */
async function passBy({ api }: PresenceClient, client: SocketClient): Promise<number[]> {
  const dueMs = new Map<string, number>();
  const seenMs = new Map<string, number>();
  const note = () => {
    const nowMs = clock.monotonicMs();
    for (const id of dueMs.keys()) if (!seenMs.has(id) && client.users.get(id)?.online) seenMs.set(id, nowMs);
  };
  client.socket.on("message", note);
  const who = (userId: string) => ({ userId, deviceId: "phone", instanceId: "elsewhere" });
  const sessions: Promise<{ sessionId: string }>[] = [];
  await openLoop({ perSecond: passersPerSecond, count: passersBy.length }, (index, due) => {
    const userId = passersBy[index] as string;
    dueMs.set(userId, due);
    sessions.push(api.registerSession(who(userId)));
  });
  await waitUntil(() => seenMs.size === passersBy.length, { what: "all passers-by are seen", deadlineMs: 30_000 });
  client.socket.off("message", note);
  for (const [index, session] of sessions.entries()) {
    await api.unregisterSession({ ...who(passersBy[index] as string), sessionId: (await session).sessionId });
  }
  await Promise.all(passersBy.map((userId) => client.untilTold(userId, false, 30_000)));
  return passersBy.map((userId) => (seenMs.get(userId) as number) - (dueMs.get(userId) as number));
}
