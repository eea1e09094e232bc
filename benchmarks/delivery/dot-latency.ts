import { cpus } from "node:os";
import { systemClock as clock } from "@realchat/presence-runtime/clock";
import { startDelivery, startKafka, startPresence, startRedis, waitUntil } from "@realchat/presence-testing";
import { WebSocket } from "ws";
import { loggedOut } from "../../services/delivery/gateway/close-codes.ts";
import { jsonProtocol } from "../../services/delivery/gateway/protocols/json-frames.ts";
import { type ToldFrame, toldUsers } from "../../services/delivery/testing/socket-client.ts";
import type { Bench, Benchmark } from "../benchmark.ts";
import { busyCoresDuring } from "../load/busy-cores.ts";
import { openLoop } from "../load/open-loop.ts";
import { percentile } from "../report/figure.ts";
import { socketUrl } from "./crowd/crowd.ts";
import { gatewaySettings, withEmbeddedGateway } from "./embedded-gateway.ts";
import { PlainServer } from "./plain/plain-server.ts";
import { audienceFile, knowEachOther, type Relation } from "./relations.ts";

const connectsPerSecond = 500;
const watchers = Array.from({ length: 20 }, (_, index) => `watcher-${index}`);

/**
 * From a socket that has opened, as its client sees it, to the dot on the socket of the one other user who has it as a
 * contact. Gateway, presence node, Redis and Kafka are processes of their own; this one holds all clients. The baseline
 * is `ws` alone, which sends to the watcher at once, without presence.
 */
export const dotLatency: Benchmark = {
  name: "dot-latency",
  about: "from an open socket to the dot on another user's, at 500 connects a second",
  limitSeconds: 300,
  async run(bench) {
    const rounds = bench.quick ? 1 : 3;
    const comers = Array.from({ length: connectsPerSecond * (bench.quick ? 2 : 5) }, (_, index) => `comer-${index}`);
    const plain = await PlainServer.start();
    bench.progress("in memory");
    await withEmbeddedGateway(relations(comers), async ({ socketAddress }) => {
      await measure(bench, {
        name: "embedded",
        atMost: { p99: 10 },
        addresses: [socketAddress, plain.address],
        rounds,
        comers,
      });
    });
    bench.progress("through Redis and Kafka");
    const [redis, kafka] = await Promise.all([startRedis(), startKafka()]);
    const servers = { REDIS_URL: redis.url, KAFKA_BROKERS: kafka.brokers };
    const node = await startPresence({ env: { ...servers, LOG_LEVEL: "warn" } });
    const gateway = await startDelivery({
      env: {
        ...gatewaySettings,
        ...servers,
        PRESENCE_SVC_ADDR: node.grpcAddress,
        AUDIENCE_FILE: audienceFile(relations(comers)),
      },
    });
    const addresses = [gateway.socketAddress, plain.address] as const;
    await measure(bench, { name: "Redis, Kafka", atMost: { p50: 8, p99: 40 }, addresses, rounds, comers });
    await gateway.stop();
    await node.stop();
    await Promise.all([redis.stop(), kafka.stop()]);
    plain.stop();
  },
};

function watcherOf(index: number): string {
  return watchers[index % watchers.length] as string;
}

function relations(comers: readonly string[]): Relation[] {
  return comers.flatMap((comer, index) => knowEachOther(comer, watcherOf(index)));
}

interface Measured {
  readonly name: string;
  /** ms */
  readonly atMost: { readonly p50?: number; readonly p99: number };
  /** Ours and the plain server's. */
  readonly addresses: readonly [string, string];
  readonly rounds: number;
  readonly comers: readonly string[];
}

async function measure(bench: Bench, { name, atMost, addresses, rounds, comers }: Measured): Promise<void> {
  const ours: Latencies[] = [];
  const theirs: Latencies[] = [];
  const sides = [
    { watched: await Watched.open(addresses[0], { sendsOffline: true }), latencies: ours },
    { watched: await Watched.open(addresses[1], { sendsOffline: false }), latencies: theirs },
  ];
  for (let round = 0; round <= rounds; round++) {
    for (const { watched, latencies } of sides) {
      const latency = await watched.arrivals(comers);
      if (round > 0) latencies.push(latency);
    }
    const latest = ours.at(-1);
    if (latest === undefined) continue;
    const { p50, p99, busyCores } = latest;
    bench.progress(
      `round ${round} of ${rounds}: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${busyCores.toFixed(1)} cores busy`,
    );
  }
  for (const { watched } of sides) watched.close();
  const report = (what: string, unit: string, of: (latencies: Latencies) => number, most?: number) =>
    bench.report({
      name: `${name}: ${what}`,
      unit,
      samples: ours.map(of),
      baseline: { name: "ws alone", samples: theirs.map(of) },
      target: most === undefined ? undefined : { atMost: most },
    });
  report("open socket → dot, p50", "ms", ({ p50 }) => p50, atMost.p50);
  report("open socket → dot, p99", "ms", ({ p99 }) => p99, atMost.p99);
  report("connect due → dot, p99", "ms", ({ fromDueP99 }) => fromDueP99);
  report(`cores busy meanwhile, with whatever it was, of ${cpus().length}`, "", ({ busyCores }) => busyCores);
}

interface Latencies {
  readonly p50: number;
  readonly p99: number;
  /** From when the connect was due, handshake and a late generator included. */
  readonly fromDueP99: number;
  readonly busyCores: number;
}

/** Watchers on a server, and when each watched user was received as online. */
class Watched {
  readonly #address: string;
  readonly #sockets: WebSocket[] = [];
  /** Monotonic ms, of this round. */
  readonly #onlineMs = new Map<string, number>();
  readonly #sendsOffline: boolean;

  private constructor(address: string, sendsOffline: boolean) {
    this.#address = address;
    this.#sendsOffline = sendsOffline;
  }

  /** @param sendsOffline whether the server sends a frame when a user has left */
  static async open(address: string, { sendsOffline }: { sendsOffline: boolean }): Promise<Watched> {
    const watched = new Watched(address, sendsOffline);
    for (const watcher of watchers) {
      const socket = await openSocket(socketUrl(address, watcher, { group: watcher }), (frame) =>
        watched.#onFrame(frame),
      );
      watched.#sockets.push(socket);
    }
    return watched;
  }

  /** All come, evenly, are seen, and log out. */
  async arrivals(comers: readonly string[]): Promise<Latencies> {
    this.#onlineMs.clear();
    const dueMs: number[] = [];
    const openMs: number[] = [];
    const opening: Promise<WebSocket>[] = [];
    const busyCores = await busyCoresDuring(async () => {
      await openLoop({ perSecond: connectsPerSecond, count: comers.length }, (index, due) => {
        const url = socketUrl(this.#address, comers[index] as string, { tells: watcherOf(index) });
        dueMs[index] = due;
        const socket = openSocket(url);
        socket.then(
          () => {
            openMs[index] = clock.monotonicMs();
          },
          () => {},
        );
        opening.push(socket);
      });
      await waitUntil(() => this.#onlineMs.size === comers.length, { what: "all are seen", deadlineMs: 30_000 });
    });
    const seenMs = comers.map((comer) => this.#onlineMs.get(comer) as number);
    await this.#leave(await Promise.all(opening));
    const fromOpen = seenMs.map((ms, index) => ms - (openMs[index] as number));
    const fromDue = seenMs.map((ms, index) => ms - (dueMs[index] as number));
    return {
      p50: percentile(fromOpen, 0.5),
      p99: percentile(fromOpen, 0.99),
      fromDueP99: percentile(fromDue, 0.99),
      busyCores,
    };
  }

  /** All log out. Where the server sends that, the next round waits for it. */
  async #leave(sockets: readonly WebSocket[]): Promise<void> {
    await openLoop({ perSecond: 3 * connectsPerSecond, count: sockets.length }, (index) => {
      (sockets[index] as WebSocket).close(loggedOut);
    });
    if (!this.#sendsOffline) return;
    await waitUntil(() => this.#onlineMs.size === 0, { what: "all are seen to have gone", deadlineMs: 30_000 });
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }

  #onFrame(data: Buffer): void {
    const nowMs = clock.monotonicMs();
    for (const { id, online } of toldUsers(JSON.parse(String(data)) as ToldFrame)) {
      if (!online) this.#onlineMs.delete(id);
      else if (!this.#onlineMs.has(id)) this.#onlineMs.set(id, nowMs);
    }
  }
}

function openSocket(url: string, onFrame: (data: Buffer) => void = () => {}): Promise<WebSocket> {
  const socket = new WebSocket(url, [jsonProtocol], { perMessageDeflate: false });
  socket.on("message", onFrame);
  return new Promise((resolve, reject) => {
    socket.once("open", () => resolve(socket));
    socket.on("error", reject);
  });
}
