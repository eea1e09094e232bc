import { systemClock as clock } from "@realchat/presence-runtime/clock";
import type { TestDelivery } from "@realchat/presence-testing";
import type { PresenceClient } from "../../services/presence/testing/presence-client.ts";
import type { Bench, Benchmark } from "../benchmark.ts";
import { openLoop } from "../load/open-loop.ts";
import { Crowd, socketUrl } from "./crowd/crowd.ts";
import { withEmbeddedGateway } from "./embedded-gateway.ts";
import { PlainServer } from "./plain/plain-server.ts";
import { knowEachOther, type Relation } from "./relations.ts";
import { figureAmong, usageOf } from "./usage.ts";

/** So many users come and go as often, each watched by the sockets of one of the groups. */
const transitionsPerSecond = 400;
const groups = 10;
const watchersOfGroup = 100;
const dotsPerSecond = transitionsPerSecond * watchersOfGroup;

/**
 * Every change goes the whole way: gRPC, a presence node, WatchPresence, the gateway, real sockets of clients in a process of
 * their own. The baseline is `ws` alone, which sends each socket each change in a frame of its own, and hears of changes from
 * its parent process. A second gateway, with a node of its own, does the same while a tenth of those who come and go do not
 * show everything.
 */
export const gatewayPush: Benchmark = {
  name: "gateway-push",
  about: "what a dot costs the gateway when it pushes 40,000 a second, also when a tenth have policies",
  limitSeconds: 240,
  async run(bench) {
    const seconds = bench.quick ? 2 : 8;
    const rounds = bench.quick ? 1 : 4;
    bench.progress(`${dotsPerSecond.toLocaleString("en")} dots a second to ${groups * watchersOfGroup} sockets`);
    await withEmbeddedGateway(relations({ arePrivate: false }), async (gateway, presence) => {
      await withEmbeddedGateway(relations({ arePrivate: true }), async (guarded, presenceOfGuarded) => {
        const plain = await PlainServer.start();
        const crowds: Crowd[] = [];
        for (const address of [gateway.socketAddress, guarded.socketAddress, plain.address]) {
          const crowd = new Crowd();
          await crowd.open(urls(address), 500);
          crowds.push(crowd);
        }
        const ours: Pace[] = [];
        const withPolicies: Pace[] = [];
        const theirs: number[] = [];
        for (let round = 0; round <= rounds; round++) {
          const pace = await gatewayPace(gateway, presence, seconds);
          const guardedPace = await gatewayPace(guarded, presenceOfGuarded, seconds);
          const plainUs = await plainPace(plain, seconds);
          if (round === 0) continue;
          ours.push(pace);
          withPolicies.push(guardedPace);
          theirs.push(plainUs);
          const dots = Math.round(pace.dotsPerSecond).toLocaleString("en");
          const [us, guardedUs] = [pace.cpuUs.toFixed(1), guardedPace.cpuUs.toFixed(1)];
          bench.progress(
            `round ${round} of ${rounds}: ${dots} dots a second, ${us} µs each, ${guardedUs} with policies`,
          );
        }
        for (const crowd of crowds) crowd.stop();
        plain.stop();
        report(bench, ours, withPolicies, theirs);
      });
    });
  },
};

function report(bench: Bench, ours: readonly Pace[], withPolicies: readonly Pace[], theirs: readonly number[]): void {
  bench.report({
    name: "dots pushed a second",
    unit: "/s",
    samples: ours.map((pace) => pace.dotsPerSecond),
    // As many as are offered, but for those that are on their way at the end.
    target: { atLeast: 0.99 * dotsPerSecond },
  });
  bench.report({
    name: "gateway CPU a dot, everything included",
    unit: "µs",
    samples: ours.map(({ cpuUs }) => cpuUs),
    baseline: { name: "ws alone, a frame a dot", samples: theirs },
    target: { atMost: 1_000_000 / dotsPerSecond },
  });
  bench.report({
    name: "the same, while a tenth have policies",
    unit: "µs",
    samples: withPolicies.map(({ cpuUs }) => cpuUs),
    baseline: { name: "without policies", samples: ours.map(({ cpuUs }) => cpuUs) },
    target: { ratioAtMost: 1.1 },
  });
  bench.report({ name: "dots in a frame, as they came", unit: "", samples: ours.map((pace) => pace.dotsOfFrame) });
}

const groupOf = (index: number) => index % groups;
const watchers = Array.from({ length: groups * watchersOfGroup }, (_, index) => `watcher-${index}`);
/** As many as come, or go, in a second. */
const people = Array.from({ length: transitionsPerSecond }, (_, index) => `person-${index}`);

/** Of a tenth of those who come and go, in each group: what takes most to judge. */
const privacy = { lastSeen: "contacts", devices: "nobody" };

function* relations({ arePrivate }: { arePrivate: boolean }): Generator<Relation> {
  for (const [index, person] of people.entries()) {
    if (arePrivate && index % 100 < groups) yield { user_id: person, privacy };
    for (const [other, watcher] of watchers.entries()) {
      if (groupOf(other) === groupOf(index)) yield* knowEachOther(person, watcher);
    }
  }
}

function urls(address: string): string[] {
  return watchers.map((watcher, index) => socketUrl(address, watcher, { group: String(groupOf(index)) }));
}

interface Pace {
  readonly dotsPerSecond: number;
  /** Of the gateway, for one dot. */
  readonly cpuUs: number;
  readonly dotsOfFrame: number;
}

async function gatewayPace(gateway: TestDelivery, presence: PresenceClient, seconds: number): Promise<Pace> {
  const before = await pushedBy(gateway);
  const startMs = clock.monotonicMs();
  await comeAndGo(presence, seconds);
  const after = await pushedBy(gateway);
  const passedSeconds = (clock.monotonicMs() - startMs) / 1_000;
  const dots = after.dots - before.dots;
  return {
    dotsPerSecond: dots / passedSeconds,
    cpuUs: ((after.cpuSeconds - before.cpuSeconds) * 1_000_000) / dots,
    dotsOfFrame: dots / (after.frames - before.frames),
  };
}

async function pushedBy(gateway: TestDelivery) {
  const metrics = await gateway.metrics();
  const { cpuSeconds } = await usageOf(gateway);
  const pushed = (name: string) => figureAmong(metrics, `delivery_${name}_total`);
  return { dots: pushed("dots"), frames: pushed("frames"), cpuSeconds };
}

/** All come, evenly over a second, all go in the next, and again. */
async function comeAndGo({ api }: PresenceClient, seconds: number): Promise<void> {
  const sessions: Promise<string>[] = [];
  const calls: Promise<unknown>[] = [];
  await openLoop({ perSecond: transitionsPerSecond, count: transitionsPerSecond * seconds }, (step) => {
    const index = step % people.length;
    const who = { userId: people[index] as string, deviceId: "phone", instanceId: "elsewhere" };
    const isComing = Math.floor(step / people.length) % 2 === 0;
    if (isComing) {
      sessions[index] = api.registerSession(who).then(({ sessionId }) => sessionId);
      calls.push(sessions[index]);
    } else {
      const session = sessions[index] as Promise<string>;
      calls.push(session.then((sessionId) => api.unregisterSession({ ...who, sessionId })));
    }
  });
  await Promise.all(calls);
}

/** @returns CPU of one dot, µs */
async function plainPace(plain: PlainServer, seconds: number): Promise<number> {
  const before = await plain.usage();
  const count = transitionsPerSecond * seconds;
  await openLoop({ perSecond: transitionsPerSecond, count }, (step) => {
    const index = step % people.length;
    plain.tell(String(groupOf(index)), people[index] as string);
  });
  const after = await plain.usage();
  return ((after.cpuSeconds - before.cpuSeconds) * 1_000_000) / (count * watchersOfGroup);
}
