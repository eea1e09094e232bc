import { randomUUID } from "node:crypto";
import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import { startPresence } from "@realchat/presence-testing";
import type { PresenceClient } from "../services/presence/testing/presence-client.ts";
import type { Bench, Benchmark } from "./benchmark.ts";
import { connectPresence } from "./grpc/heartbeats.ts";
import { type Identity, identities } from "./load/identities.ts";
import { cpuUsOf } from "./load/process-usage.ts";
import { inTurn, type NextOf } from "./load/turns.ts";
import { type MeasuredRedis, startMeasuredRedis } from "./redis/measured-redis.ts";
import { percentile } from "./report/figure.ts";
import { buildGoPrograms } from "./rpc/go-programs.ts";
import { LineProcess } from "./rpc/line-process.ts";

const restMs = 5_000;

/**
 * Calls of which each waits for the one before: nothing can be gathered. CPU is what the calls add to what a server and its
 * Redis take at rest.
 */
export const loneCalls: Benchmark = {
  name: "lone-calls",
  about: "one call in flight, beside a presence service in Go with a key per session",
  limitSeconds: 300,
  async run(bench) {
    const go = await buildGoPrograms((text) => bench.progress(text));
    if (go === undefined) return;
    const people = identities(bench.quick ? 500 : 2_000);
    const ours = await Contender.start(people, startOurs);
    const theirs = await Contender.start(people, (redis) => startGo(go.service, redis));
    const refreshes = { ours: [] as Cost[], theirs: [] as Cost[] };
    const changes = { ours: [] as Cost[], theirs: [] as Cost[] };
    const count = bench.quick ? 2_000 : 5_000;
    // The first round compiles, and does not count.
    for (let round = 0; round <= (bench.quick ? 2 : 5); round++) {
      const refreshed = { ours: await ours.refresh(count), theirs: await theirs.refresh(count) };
      const changed = { ours: await ours.comeAndGo(count / 2), theirs: await theirs.comeAndGo(count / 2) };
      bench.progress(`round ${round}: ${refreshed.ours.serverUs.toFixed(0)} µs a RefreshSession`);
      if (round === 0) continue;
      for (const side of ["ours", "theirs"] as const) {
        refreshes[side].push(refreshed[side]);
        changes[side].push(changed[side]);
      }
    }
    report(bench, "RefreshSession", refreshes, { serverUs: 0.6, redisUs: 0.8, p50Us: 0.8 });
    report(bench, "RegisterSession and UnregisterSession", changes, { redisUs: 0.5 });
    await ours.stop();
    await theirs.stop();
  },
};

interface Cost {
  readonly serverUs: number;
  readonly redisUs: number;
  readonly p50Us: number;
}

interface Started {
  readonly address: string;
  cpuUs(): number;
  stop(): Promise<void>;
}

async function startOurs(redis: MeasuredRedis): Promise<Started> {
  const node = await startPresence({ env: { REDIS_URL: redis.url, SESSION_TTL: "1h", LOG_LEVEL: "warn" } });
  return { address: node.grpcAddress, cpuUs: () => cpuUsOf(node.pid), stop: async () => void (await node.stop()) };
}

async function startGo(program: string, redis: MeasuredRedis): Promise<Started> {
  const service = new LineProcess(program, [`--redis=${redis.url}`]);
  const { port } = await service.hear<{ port: number }>();
  return { address: `127.0.0.1:${port}`, cpuUs: () => cpuUsOf(service.pid), stop: () => service.end() };
}

/** A service with sessions of its own on a Redis of its own. */
class Contender {
  readonly #server: Started;
  readonly #redis: MeasuredRedis;
  readonly #client: PresenceClient;
  readonly #newcomers: NextOf<Identity>;
  #next: NextOf<{ userId: string; deviceId: string; sessionId: string }> = inTurn([]);
  #atRest = { serverUs: 0, redisUs: 0 };

  private constructor(server: Started, redis: MeasuredRedis, newcomers: readonly Identity[]) {
    this.#server = server;
    this.#redis = redis;
    this.#client = connectPresence(server.address);
    this.#newcomers = inTurn(newcomers);
  }

  static async start(
    people: readonly Identity[],
    start: (redis: MeasuredRedis) => Promise<Started>,
  ): Promise<Contender> {
    const redis = await startMeasuredRedis();
    const contender = new Contender(await start(redis), redis, identities(people.length));
    const sessions = [];
    for (const who of people) sessions.push({ ...who, ...(await contender.#client.api.registerSession(who)) });
    contender.#next = inTurn(sessions);
    const before = await contender.#used();
    await pause(clock, restMs);
    const after = await contender.#used();
    contender.#atRest = {
      serverUs: (after.serverUs - before.serverUs) / restMs,
      redisUs: (after.redisUs - before.redisUs) / restMs,
    };
    return contender;
  }

  refresh(count: number): Promise<Cost> {
    return this.#costOf(count, () => this.#client.api.refreshSession(this.#next()));
  }

  comeAndGo(count: number): Promise<Cost> {
    return this.#costOf(count, async () => {
      const who = { ...this.#newcomers(), connectionId: randomUUID() };
      const { sessionId } = await this.#client.api.registerSession(who);
      await this.#client.api.unregisterSession({ ...who, sessionId });
    });
  }

  async stop(): Promise<void> {
    this.#client.close();
    await this.#server.stop();
    await this.#redis.stop();
  }

  async #costOf(count: number, call: () => Promise<unknown>): Promise<Cost> {
    const took = new Float64Array(count);
    const before = await this.#used();
    const startMs = clock.monotonicMs();
    for (let index = 0; index < count; index++) {
      const begunMs = clock.monotonicMs();
      await call();
      took[index] = (clock.monotonicMs() - begunMs) * 1_000;
    }
    const passedMs = clock.monotonicMs() - startMs;
    const after = await this.#used();
    return {
      serverUs: (after.serverUs - before.serverUs - this.#atRest.serverUs * passedMs) / count,
      redisUs: (after.redisUs - before.redisUs - this.#atRest.redisUs * passedMs) / count,
      p50Us: percentile(took, 0.5),
    };
  }

  async #used() {
    return { serverUs: this.#server.cpuUs(), redisUs: await this.#redis.cpuUs() };
  }
}

function report(
  bench: Bench,
  what: string,
  { ours, theirs }: { ours: readonly Cost[]; theirs: readonly Cost[] },
  atMost: Partial<Cost>,
): void {
  const figures = { serverUs: "server CPU", redisUs: "Redis CPU", p50Us: "p50" } as const;
  for (const part of ["serverUs", "redisUs", "p50Us"] as const) {
    const ratioAtMost = atMost[part];
    bench.report({
      name: `${what}, one in flight: ${figures[part]}`,
      unit: "µs",
      samples: ours.map((cost) => cost[part]),
      baseline: { name: "Go service", samples: theirs.map((cost) => cost[part]) },
      target: ratioAtMost === undefined ? undefined : { ratioAtMost },
    });
  }
}
