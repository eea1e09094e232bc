import { randomUUID } from "node:crypto";
import { systemClock as clock } from "@realchat/presence-runtime/clock";
import { startPresence } from "@realchat/presence-testing";
import type { PresenceClient } from "../services/presence/testing/presence-client.ts";
import type { Bench, Benchmark } from "./benchmark.ts";
import { connectPresence } from "./grpc/heartbeats.ts";
import { startIdleServer } from "./grpc/start-idle-server.ts";
import { type Identity, identities } from "./load/identities.ts";
import { cpuUsOf } from "./load/process-usage.ts";
import { inTurn, type NextOf } from "./load/turns.ts";
import { LoneScripts } from "./redis/lone-scripts.ts";
import { type MeasuredRedis, startMeasuredRedis } from "./redis/measured-redis.ts";
import { percentile } from "./report/figure.ts";
import { buildGoPrograms } from "./rpc/go-programs.ts";
import { LineProcess } from "./rpc/line-process.ts";

/**
 * Calls of which each waits for the one before: nothing can be gathered. CPU is what the calls add to what a server and its
 * Redis take while the other side has its turn: at rest on a machine that is as busy.
 */
export const loneCalls: Benchmark = {
  name: "lone-calls",
  about: "one call in flight, beside a presence service in Go with a key per session",
  limitSeconds: 400,
  async run(bench) {
    const go = await buildGoPrograms((text) => bench.progress(text));
    if (go === undefined) return;
    const people = identities(bench.quick ? 500 : 2_000);
    const ours = await Contender.start(people, startOurs);
    const theirs = await Contender.start(people, (redis) => startGo(go.service, redis));
    const least = await Least.start(people);
    const refreshes: Sides = { ours: [], theirs: [], least: [] };
    const changes: Sides = { ours: [], theirs: [], least: [] };
    const nothings: Sides = { ...changes, least: [] };
    const count = bench.quick ? 2_000 : 4_000;
    // The first round compiles, and does not count.
    for (let round = 0; round <= (bench.quick ? 2 : 5); round++) {
      const refreshed = await inTurns({ ours, theirs }, count, (side) => side.refresh());
      const changed = await inTurns({ ours, theirs }, count / 2, (side) => side.comeAndGo());
      const answered = await least.answerP50Us(count);
      const [nothing, commands] = await least.redisUs(count / 2, () => theirs.refresh());
      bench.progress(`round ${round}: ${refreshed.ours.serverUs.toFixed(0)} µs a RefreshSession`);
      if (round === 0) continue;
      refreshes.ours.push(refreshed.ours);
      refreshes.theirs.push(refreshed.theirs);
      refreshes.least.push({ p50Us: answered });
      changes.ours.push(changed.ours);
      changes.theirs.push(changed.theirs);
      changes.least.push({ redisUs: commands });
      nothings.least.push({ redisUs: nothing });
    }
    report(bench, "RefreshSession", refreshes, { serverUs: 0.6, redisUs: 0.8, p50Us: 0.8 });
    report(bench, "RegisterSession and UnregisterSession", changes, { redisUs: 0.5 });
    reportLeast(bench, "p50 of the gRPC engine answering at once", refreshes, "p50Us");
    reportLeast(bench, "Redis CPU of scripts with the commands of both, which decide nothing", changes, "redisUs");
    reportLeast(bench, "Redis CPU of two scripts that do nothing", nothings, "redisUs");
    await Promise.all([ours.stop(), theirs.stop(), least.stop()]);
  },
};

/** CPU time. */
interface Used {
  readonly serverUs: number;
  readonly redisUs: number;
}

interface Cost extends Used {
  readonly p50Us: number;
}

interface Sides {
  readonly ours: Cost[];
  readonly theirs: Cost[];
  /** What no service can go below. */
  readonly least: Partial<Cost>[];
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
    return contender;
  }

  async refresh(): Promise<void> {
    await this.#client.api.refreshSession(this.#next());
  }

  async comeAndGo(): Promise<void> {
    const who = { ...this.#newcomers(), connectionId: randomUUID() };
    const { sessionId } = await this.#client.api.registerSession(who);
    await this.#client.api.unregisterSession({ ...who, sessionId });
  }

  async used(): Promise<Used> {
    return { serverUs: this.#server.cpuUs(), redisUs: await this.#redis.cpuUs() };
  }

  async stop(): Promise<void> {
    this.#client.close();
    await this.#server.stop();
    await this.#redis.stop();
  }
}

/** What no service can go below: an engine that answers at once, and scripts that decide nothing. */
class Least {
  readonly #scripts: LoneScripts;
  readonly #people: NextOf<Identity>;
  readonly #client: PresenceClient;
  readonly #stopServer: () => void;

  private constructor(
    scripts: LoneScripts,
    people: readonly Identity[],
    server: Awaited<ReturnType<typeof startIdleServer>>,
  ) {
    this.#scripts = scripts;
    this.#people = inTurn(people);
    this.#client = connectPresence(server.address);
    this.#stopServer = server.stop;
  }

  static async start(people: readonly Identity[]): Promise<Least> {
    return new Least(await LoneScripts.start(), people, await startIdleServer());
  }

  async answerP50Us(count: number): Promise<number> {
    const call = () => this.#client.api.refreshSession({ ...this.#people(), sessionId: "1.c" });
    return (await timed(count, call)).p50Us;
  }

  /** @param between goes on meanwhile, so that caches are as cold as where a service calls Redis @returns of both scripts */
  async redisUs(count: number, between: () => Promise<void>): Promise<[nothing: number, commands: number]> {
    const { redis } = this.#scripts;
    const costs: number[] = [];
    for (const run of ["doNothing", "comeAndGo"] as const) {
      const beforeUs = await redis.cpuUs();
      for (let index = 0; index < count; index++) {
        await this.#scripts[run](this.#people());
        await between();
      }
      costs.push(((await redis.cpuUs()) - beforeUs) / count);
    }
    return costs as [number, number];
  }

  async stop(): Promise<void> {
    this.#client.close();
    this.#stopServer();
    await this.#scripts.stop();
  }
}

/** What a call costs each side, less what that takes in the other's turn. */
async function inTurns(
  { ours, theirs }: Record<"ours" | "theirs", Contender>,
  count: number,
  call: (side: Contender) => Promise<void>,
): Promise<Record<"ours" | "theirs", Cost>> {
  const turnOf = async (side: Contender) => {
    const before = { ours: await ours.used(), theirs: await theirs.used() };
    const { passedMs, p50Us } = await timed(count, () => call(side));
    const added = { ours: less(await ours.used(), before.ours), theirs: less(await theirs.used(), before.theirs) };
    return { passedMs, p50Us, added };
  };
  const turns = { ours: await turnOf(ours), theirs: await turnOf(theirs) };
  const costOf = (side: "ours" | "theirs", other: "ours" | "theirs"): Cost => {
    const { passedMs, p50Us, added } = turns[side];
    const { serverUs, redisUs } = less(added[side], turns[other].added[side], passedMs / turns[other].passedMs);
    return { serverUs: serverUs / count, redisUs: redisUs / count, p50Us };
  };
  return { ours: costOf("ours", "theirs"), theirs: costOf("theirs", "ours") };
}

function less(one: Used, other: Used, times = 1): Used {
  return { serverUs: one.serverUs - other.serverUs * times, redisUs: one.redisUs - other.redisUs * times };
}

async function timed(count: number, call: () => Promise<unknown>): Promise<{ passedMs: number; p50Us: number }> {
  const took = new Float64Array(count);
  const startMs = clock.monotonicMs();
  for (let index = 0; index < count; index++) {
    const begunMs = clock.monotonicMs();
    await call();
    took[index] = (clock.monotonicMs() - begunMs) * 1_000;
  }
  return { passedMs: clock.monotonicMs() - startMs, p50Us: percentile(took, 0.5) };
}

function report(bench: Bench, what: string, { ours, theirs }: Sides, atMost: Partial<Cost>): void {
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

function reportLeast(bench: Bench, name: string, { least, theirs }: Sides, part: keyof Cost): void {
  bench.report({
    name,
    unit: "µs",
    samples: least.map((cost) => cost[part] ?? Number.NaN),
    baseline: { name: "Go service", samples: theirs.map((cost) => cost[part]) },
  });
}
