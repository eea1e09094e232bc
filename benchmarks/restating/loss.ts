import { ContractReader } from "@realchat/presence-client/testing";
import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import { waitUntil } from "@realchat/presence-testing";
import { EventCollector } from "../../services/presence/testing/event-collector.ts";
import type { Bench } from "../benchmark.ts";
import { Gateways, p99Of } from "./gateways.ts";
import { partitions, periodMs, type Site, startSite, topic } from "./site.ts";

const ttlMs = 60_000;
/** Of the users; their gateways die as Redis loses all. */
const leavingShare = 0.05;

/** FLUSHALL, among users who live on and users whose gateways die in the same moment. */
export async function measureLoss(bench: Bench): Promise<void> {
  const users = bench.quick ? 20_000 : 100_000;
  bench.progress(`${users.toLocaleString("en")} sessions, whose gateways send heartbeats every ${periodMs / 1_000} s`);
  const site = await startSite({ sessions: users, ttlMs, isPublished: false });
  const leaving = Math.floor(users * leavingShare);
  const judge = new Judge(
    site.people.slice(leaving).map(({ userId }) => userId),
    site.people.slice(0, leaving).map(({ userId }) => userId),
  );
  const reader = new ContractReader({ partitions, onChange: ({ userId, online }) => judge.changed(userId, online) });
  const collector = await EventCollector.start(site.brokers, topic, (partition, value) =>
    reader.record(partition, value),
  );
  const [stays, leaves] = [gatewaysOf(site, leaving, users), gatewaysOf(site, 0, leaving)];
  stays.start();
  leaves.start();
  await waitUntil(() => reader.onlineUsers.length === users, { what: "the reader knows all", deadlineMs: 120_000 });
  stays.takeLatencies();
  await pause(clock, periodMs);
  const before = stays.takeLatencies();

  bench.progress("FLUSHALL");
  judge.begin();
  leaves.stop();
  await site.redis.client.sendCommand(["FLUSHALL"]);
  await waitUntil(() => judge.isRight, { what: "the reader is right again", deadlineMs: 4 * ttlMs });
  const meanwhile = stays.takeLatencies();
  await pause(clock, periodMs);
  const after = stays.takeLatencies();
  stays.stop();
  bench.progress(
    `${stays.cameBack} came back, ${stays.failures} of their calls were repeated, ${collector.resets.length} resets`,
  );
  bench.report({
    name: `FLUSHALL with ${users.toLocaleString("en")} sessions: until a reader of Kafka is right`,
    unit: "s",
    samples: [judge.rightAfterMs / 1_000],
    target: { atMost: ttlMs / 1_000 + 5 },
  });
  bench.report({
    name: "living users who went grey meanwhile",
    unit: "",
    samples: [judge.greyed],
    target: { atMost: 0 },
  });
  bench.report({
    name: "p99 of a heartbeat meanwhile",
    unit: "ms",
    samples: [p99Of(meanwhile)],
    baseline: { name: "before and after", samples: [p99Of(before, after)] },
    target: { ratioAtMost: 2 },
  });
  await collector.close();
  await site.stop();
}

function gatewaysOf({ store, people, sessions }: Site, from: number, to: number): Gateways {
  return new Gateways(store, people.slice(from, to), sessions.slice(from, to), { periodMs });
}

/** Compares what a reader says with who lives. */
class Judge {
  readonly #living: ReadonlySet<string>;
  /** Of whom the reader says what is not so. */
  readonly #wrong = new Set<string>();
  readonly #greyed = new Set<string>();
  readonly #leaving: readonly string[];
  #startMs: number | undefined;
  rightAfterMs = Number.POSITIVE_INFINITY;

  constructor(living: readonly string[], leaving: readonly string[]) {
    this.#living = new Set(living);
    this.#leaving = leaving;
  }

  /** Those who leave do so now. */
  begin(): void {
    this.#startMs = clock.monotonicMs();
    for (const userId of this.#leaving) this.#wrong.add(userId);
  }

  changed(userId: string, online: boolean): void {
    if (this.#startMs === undefined) return;
    const lives = this.#living.has(userId);
    if (lives && !online) this.#greyed.add(userId);
    if (lives === online) this.#wrong.delete(userId);
    else this.#wrong.add(userId);
    if (this.isRight) this.rightAfterMs = clock.monotonicMs() - this.#startMs;
  }

  get isRight(): boolean {
    return this.#wrong.size === 0;
  }

  /** Living users who were shown offline. */
  get greyed(): number {
    return this.#greyed.size;
  }
}
