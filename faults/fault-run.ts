import { PresenceChannels } from "@realchat/presence-client";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { waitUntil } from "@realchat/presence-testing";
import type { PresenceClient } from "../services/presence/testing/presence-client.ts";
import type { Gateway } from "./gateways/gateway.ts";
import { namesOf, Population } from "./gateways/population.ts";
import { SdkGateway } from "./gateways/sdk-gateway.ts";
import { SimulatedGateway } from "./gateways/simulated-gateway.ts";
import type { History, Timing } from "./history/history.ts";
import type { InjectedFault } from "./history/injected-fault.ts";
import type { SessionLife } from "./history/session-life.ts";
import { secondsOf } from "./history/timeline.ts";
import type { FaultKind } from "./injection/fault-kind.ts";
import { Injector } from "./injection/injector.ts";
import { planFaults } from "./injection/plan.ts";
import { stopWithin } from "./patience.ts";
import { Random } from "./random/random.ts";
import { KafkaReader } from "./readers/kafka-reader.ts";
import { PollReader } from "./readers/poll-reader.ts";
import { SocketReader } from "./readers/socket-reader.ts";
import { WatchReader } from "./readers/watch-reader.ts";
import { StallMonitor } from "./stall-monitor.ts";
import type { RedisKind } from "./system/redis-place.ts";
import { System } from "./system/system.ts";
import { findFaketime } from "./time/false-clock.ts";

interface FaultRunOptions {
  readonly seed: number;
  /** Of the time in which faults are injected; settling comes on top of it. */
  readonly lengthMs: number;
  readonly kinds: readonly FaultKind[];
  readonly redis: RedisKind;
  readonly nodes: number;
  readonly users: number;
  readonly timing: Timing;
  /** Told when the system is up, and of each fault, with the time that a timeline has. */
  readonly say: (line: string) => void;
  /** Ends the faults early; what happened until then is judged. */
  readonly stop?: AbortSignal;
}

const gatewayNames = {
  ...{ token: ["token-a", "token-b"], leased: ["leased-a", "leased-b"], legacy: ["legacy-a", "legacy-b"] },
  sdk: ["sdk", "sdk-leased"],
} as const;
/** Whose page shows everyone. */
const observer = "observer";
/** How long everyone must have been right when all is over, beyond what faults allow, ms. */
const atRestMs = 4_000;

/** Starts a system, lets people come and go, harms it by the plan of the seed, lets it settle, and ends it. */
export async function runFaults(options: FaultRunOptions): Promise<History> {
  const random = new Random(options.seed);
  const faketime = findFaketime();
  const kinds = options.kinds.filter(
    ({ of, stepsClocks }) => (of?.includes(options.redis) ?? true) && (faketime !== undefined || !stepsClocks),
  );
  const plan = planFaults(kinds, random.fork(), options.lengthMs);
  const gateways = Object.values(gatewayNames).flat();
  const system = await System.start({
    ...{ ...options, gateways, faketime, observer, random: random.fork() },
    users: namesOf(options.users),
  });
  const stalls = new StallMonitor({ pids: () => system.pids });
  try {
    return await live({ ...options, system, plan, random, stalls });
  } finally {
    stalls.stop();
    await system.stop();
  }
}

interface LiveOptions extends FaultRunOptions {
  readonly system: System;
  readonly plan: ReturnType<typeof planFaults>;
  readonly random: Random;
  readonly stalls: StallMonitor;
}

async function live(options: LiveOptions): Promise<History> {
  const { system, timing, random, stalls, stop = new AbortController().signal } = options;
  const lives: SessionLife[] = [];
  const { gateways, channels } = openGateways(system, timing, random, lives);
  const population = new Population({ users: namesOf(options.users), gateways, random: random.fork() });
  const readers = openReaders(system, population.users);
  let [beganMs, endedMs] = [Number.NaN, Number.NaN];
  const say = (line: string, atMs: number) => options.say(`${secondsOf(atMs, { beganMs })} s  ${line}`);
  const injector = new Injector({ system, gateways }, say);
  try {
    await waitUntil(() => readers.every(({ history }) => history.availability.at(-1)?.isAble), {
      what: "all readers can tell who is online",
    });
    beganMs = systemClock.monotonicMs();
    say(`${options.nodes} nodes, ${gateways.length} gateways and ${population.users.length} users are there`, beganMs);
    population.start();
    await injector.run(options.plan, stop);
    population.calm();
    const restMs = injector.failure === undefined ? settledMs(injector.faults, timing) - systemClock.monotonicMs() : 0;
    await pause(systemClock, Math.max(0, restMs));
    endedMs = systemClock.monotonicMs();
  } finally {
    population.stop();
    for (const gateway of gateways) gateway.stop();
    await Promise.all([
      ...channels.map((each) => stopWithin("the SDK's channels", each.close())),
      ...readers.map((reader) => stopWithin(reader.history.name, reader.stop())),
    ]);
  }
  return {
    ...{ timing, beganMs, endedMs, lives, users: population.users, faults: injector.faults },
    ...{ readers: readers.map(({ history }) => history), stalls: stalls.stalls, failure: injector.failure },
  };
}

function openGateways(system: System, timing: Timing, random: Random, lives: SessionLife[]) {
  const simulated = (["token", "leased", "legacy"] as const).flatMap((way) =>
    gatewayNames[way].map((name) => {
      const nodes = system.gatewayClients.get(name) as readonly PresenceClient[];
      const kind = way === "legacy" ? way : "token";
      const isLeased = way === "leased";
      return new SimulatedGateway({ name, kind, isLeased, nodes, timing, random: random.fork(), lives });
    }),
  );
  const ofSdk = gatewayNames.sdk.map((name) => {
    const addresses = (system.gatewayLinks.get(name) ?? []).map(({ address }) => address);
    const channels = new PresenceChannels({ addresses });
    return { channels, gateway: new SdkGateway({ name, channels, isLeased: name === "sdk-leased", lives }) };
  });
  const gateways: Gateway[] = [...simulated, ...ofSdk.map(({ gateway }) => gateway)];
  return { gateways, channels: ofSdk.map(({ channels }) => channels) };
}

function openReaders(system: System, users: readonly string[]) {
  return [
    new KafkaReader(system.topic),
    new SocketReader({ address: system.delivery.socketAddress, userId: observer }),
    ...system.readerClients.flatMap((node, index) => [
      new WatchReader({ index, node, users }),
      new PollReader({ index, node, users }),
    ]),
  ];
}

/** When all that faults allow is over, every silent session has ended, and readers had a while to be right. */
function settledMs(faults: readonly InjectedFault[], { ttlMs, lease, slackMs }: Timing): number {
  const excusedMs = faults.flatMap(({ healedMs, allowance: { everyone, kafka, page, ofNode } }) =>
    [everyone, kafka, page, ofNode?.excuse].map((excuse) => healedMs + (excuse?.part === "whole" ? excuse.afterMs : 0)),
  );
  return Math.max(systemClock.monotonicMs(), ...excusedMs) + Math.max(ttlMs, lease.ttlMs) + slackMs + atRestMs;
}
