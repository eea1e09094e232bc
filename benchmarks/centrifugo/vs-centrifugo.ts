import { systemClock as clock, pause } from "@realchat/presence-runtime/clock";
import { centrifugoVersion, provideCentrifugo } from "@realchat/presence-testing";
import type { Bench, Benchmark } from "../benchmark.ts";
import { residentBytesOf } from "../load/process-usage.ts";
import { percentile, spreadOf } from "../report/figure.ts";
import { startCentrifugoSide } from "./centrifugo-side.ts";
import { Fleet } from "./fleet.ts";
import { startOurSide } from "./our-side.ts";
import { type Cpu, type Gateway, roomSize, type Side, type Wish } from "./side.ts";

interface Sizes {
  readonly rounds: number;
  readonly members: number;
  /** Centrifugo sends each client a ping every 25 s, and tells Redis every 27 s that it is still there. */
  readonly idleMs: number;
  readonly watchers: number;
  /** The star comes or goes so often. */
  readonly changes: number;
  readonly fans: number;
}

const quickSizes: Sizes = { rounds: 1, members: 1_000, idleMs: 27_000, watchers: 500, changes: 100, fans: 1_000 };
const fullSizes: Sizes = { rounds: 2, members: 8_000, idleMs: 54_000, watchers: 500, changes: 200, fans: 5_000 };

const connectsInFlight = 100;
const settleMs = 3_000;
/** After the last client has left, so long until graces are over and garbage is collected. */
const untilQuietMs = 15_000;
/** What a side takes while nobody is connected is measured for as long. */
const quietMs = 20_000;
/** CPU is read in steps of 10 ms: so many that they do not count. */
const appearances = 25;
/** Sockets that stay open in the storm, each with a ping so often. */
const openSockets = 50;
const pingEveryMs = 500;
/** Between two changes of the star then. */
const changePauseMs = 50;

/**
 * A gateway, a presence node and their Redis beside Centrifugo and its Redis, one side after the other, with the same
 * clients. CPU is that of all of a side's server processes, less what they take when nobody is connected.
 */
export const vsCentrifugo: Benchmark = {
  name: "vs-centrifugo",
  about: "connects, idle sockets, dots, a celebrity and a reconnect storm, beside Centrifugo on its Redis engine",
  limitSeconds: 2_400,
  async run(bench) {
    const sizes = bench.quick ? quickSizes : fullSizes;
    const program = await provideCentrifugo((text) => bench.progress(text));
    const ours: Measured[] = [];
    const theirs: Measured[] = [];
    for (let round = 0; round < sizes.rounds; round++) {
      const crowd = { members: sizes.members, watchers: Math.max(sizes.watchers, sizes.fans) };
      ours.push(await measured(bench, await startOurSide(crowd), sizes));
      theirs.push(await measured(bench, await startCentrifugoSide(program), sizes));
    }
    report(bench, sizes, ours, theirs);
  },
};

interface Measured {
  /** Of a side's processes, for one connect. */
  readonly connectUs: Cpu;
  /** The same, once members have come and gone, and until each knows who is there. */
  readonly askingUs: Cpu;
  /** What a connected socket adds, in a second. */
  readonly idleUs: Cpu;
  /** What a connected socket adds to the gateway. */
  readonly socketKb: number;
  readonly dotUs: Cpu;
  readonly fanDotUs: Cpu;
  /** From the call to the last of the watchers. */
  readonly celebrityMs: number;
  /** From SIGKILL to the last client. */
  readonly stormMs: number;
  readonly comebackUs: Cpu;
  readonly grey: number;
  readonly before: Served;
  readonly meanwhile: Served;
}

async function measured(bench: Bench, side: Side, sizes: Sizes): Promise<Measured> {
  const say = (text: string) => bench.progress(`${side.name}: ${text}`);
  const fleet = new Fleet();
  const first = await side.startGateway();
  say("warming up");
  const clients = Array.from({ length: sizes.members / 4 }, (_, index) => side.member(index, first, "subscription"));
  await fleet.open(clients, connectsInFlight);
  await fleet.close(side.goodbye);
  await pause(clock, untilQuietMs);
  const meter = await Meter.calibrated(side);
  const connected = await connects(side, meter, fleet, first, sizes, say);
  await pause(clock, untilQuietMs);
  say("connects again, with the question who is there");
  const asking = await opening(side, meter, fleet, first, sizes.members, "presence");
  await fleet.close(side.goodbye);
  await pause(clock, untilQuietMs);
  say("dots");
  const dots = await showStar(side, meter, fleet, first, { watchers: sizes.watchers, changes: sizes.changes });
  say("a celebrity");
  const fans = await showStar(side, meter, fleet, first, { watchers: sizes.fans, changes: 2 * appearances });
  say("a gateway is killed");
  const storm = await comeBack(side, meter, fleet, first, sizes.members);
  fleet.stop();
  await side.stop();
  return {
    ...connected,
    askingUs: asking,
    dotUs: dots.cpuUs,
    fanDotUs: fans.cpuUs,
    celebrityMs: fans.lastMs,
    ...storm,
  };
}

async function connects(
  side: Side,
  meter: Meter,
  fleet: Fleet,
  gateway: Gateway,
  { members, idleMs }: Sizes,
  say: (text: string) => void,
) {
  const emptyBytes = residentBytesOf(gateway.pid);
  say(`${members.toLocaleString("en")} connects`);
  const connectUs = await opening(side, meter, fleet, gateway, members, "subscription");
  await pause(clock, settleMs);
  say("idle");
  const idle = await meter.during(() => pause(clock, idleMs));
  const socketBytes = (residentBytesOf(gateway.pid) - emptyBytes) / members;
  await fleet.close(side.goodbye);
  return {
    connectUs,
    idleUs: scaled(idle, 1_000 / (idleMs * members)),
    socketKb: socketBytes / 1_000,
  };
}

/** @returns CPU of one connect */
async function opening(
  side: Side,
  meter: Meter,
  fleet: Fleet,
  gateway: Gateway,
  members: number,
  wants: Wish,
): Promise<Cpu> {
  const clients = Array.from({ length: members }, (_, index) => side.member(index, gateway, wants));
  const used = await meter.during(async () => {
    await fleet.open(clients, connectsInFlight);
    await side.untilRegistered(gateway, members);
  });
  return scaled(used, 1 / members);
}

/** The star comes and goes; each time it is awaited that all watchers were told. */
async function showStar(
  side: Side,
  meter: Meter,
  fleet: Fleet,
  gateway: Gateway,
  { watchers, changes }: { watchers: number; changes: number },
) {
  const clients = Array.from({ length: watchers }, (_, index) => side.watcher(index, gateway));
  await fleet.open(clients, connectsInFlight);
  await side.untilRegistered(gateway, watchers);
  const takes: number[] = [];
  const change = async (index: number) => {
    const isComing = index % 2 === 0;
    takes.push(Math.max(...(await changeOfStar(side, fleet, watchers, isComing))));
  };
  // The first ones warm up.
  for (let index = 0; index < 4; index++) await change(index);
  await pause(clock, settleMs);
  takes.length = 0;
  const used = await meter.during(async () => {
    for (let index = 0; index < changes; index++) await change(index);
  });
  await fleet.close(side.goodbye);
  await pause(clock, settleMs);
  return { cpuUs: scaled(used, 1 / (changes * watchers)), lastMs: spreadOf(takes).median };
}

/** @returns after how many ms each of the watchers was told */
async function changeOfStar(side: Side, fleet: Fleet, watchers: number, isComing: boolean): Promise<number[]> {
  const startUs = clock.nowUs();
  const text = isComing ? side.star.online : side.star.offline;
  const atUs = await fleet.untilTold(text, watchers, () => (isComing ? side.come() : side.go()));
  return atUs.map((us) => (us - startUs) / 1_000);
}

/** How sockets that are open are served while something else goes on. */
interface Served {
  /** Of a ping, and of a dot that reached one of them. */
  readonly pingMs: readonly number[];
  readonly dotMs: readonly number[];
}

/** The star comes and goes, and the watchers ping, until that is over. */
async function servedDuring(side: Side, watchers: Fleet, run: () => Promise<void>): Promise<Served> {
  const dotMs: number[] = [];
  let isOver = false;
  const pingMs = await watchers.pinging(pingEveryMs, async () => {
    const over = run().finally(() => {
      isOver = true;
    });
    for (let turn = 0; !isOver || turn % 2 === 1; turn++) {
      dotMs.push(...(await changeOfStar(side, watchers, openSockets, turn % 2 === 0)));
      await pause(clock, changePauseMs);
    }
    await over;
  });
  return { pingMs, dotMs };
}

/**
 * All clients lose their gateway and come to another one, which is warm. Sockets that are open there watch the star and send
 * pings, before that and meanwhile.
 */
async function comeBack(side: Side, meter: Meter, fleet: Fleet, killed: Gateway, members: number) {
  const other = await side.startGateway();
  const clientsAt = (gateway: Gateway) =>
    Array.from({ length: members }, (_, index) => side.member(index, gateway, "presence"));
  await fleet.open(clientsAt(other).slice(0, members / 4), connectsInFlight);
  await fleet.close(side.goodbye);
  await fleet.open(clientsAt(killed), connectsInFlight);
  await side.untilRegistered(killed, members);
  const watchers = new Fleet();
  await watchers.open(
    Array.from({ length: openSockets }, (_, index) => side.watcher(index, other)),
    connectsInFlight,
  );
  await pause(clock, settleMs);
  const before = await servedDuring(side, watchers, () => pause(clock, settleMs));
  let killedUs = 0;
  let backUs = 0;
  let grey = 0;
  let reading: Reading | undefined;
  const meanwhile = await servedDuring(side, watchers, async () => {
    const back = await fleet.comeBack(clientsAt(other), side.grey, async () => {
      killedUs = clock.nowUs();
      await killed.kill();
      reading = await meter.read();
    });
    backUs = back.atUs;
    grey = back.grey;
    await side.untilRegistered(other, members + openSockets);
  });
  const used = await meter.since(reading as Reading);
  watchers.stop();
  return { stormMs: (backUs - killedUs) / 1_000, comebackUs: scaled(used, 1 / members), grey, before, meanwhile };
}

interface Reading {
  readonly cpu: Cpu;
  readonly atMs: number;
}

/** Counts what a side takes beyond what it takes in that time when nobody is connected. */
class Meter {
  readonly #side: Side;
  readonly #quietPerMs: Cpu;

  private constructor(side: Side, quietPerMs: Cpu) {
    this.#side = side;
    this.#quietPerMs = quietPerMs;
  }

  static async calibrated(side: Side): Promise<Meter> {
    const before = await side.cpu();
    await pause(clock, quietMs);
    return new Meter(side, scaled(difference(await side.cpu(), before), 1 / quietMs));
  }

  async read(): Promise<Reading> {
    return { cpu: await this.#side.cpu(), atMs: clock.monotonicMs() };
  }

  async since({ cpu, atMs }: Reading): Promise<Cpu> {
    const now = await this.read();
    return difference(difference(now.cpu, cpu), scaled(this.#quietPerMs, now.atMs - atMs));
  }

  async during(run: () => Promise<void>): Promise<Cpu> {
    const before = await this.read();
    await run();
    return this.since(before);
  }
}

function difference(one: Cpu, other: Cpu): Cpu {
  return {
    gateways: one.gateways - other.gateways,
    presence: one.presence - other.presence,
    redis: one.redis - other.redis,
  };
}

function scaled({ gateways, presence, redis }: Cpu, by: number): Cpu {
  return { gateways: gateways * by, presence: presence * by, redis: redis * by };
}

function report(bench: Bench, sizes: Sizes, ours: readonly Measured[], theirs: readonly Measured[]): void {
  const figure = (name: string, unit: string, atMost: number | undefined, read: (measured: Measured) => number) =>
    bench.report({
      name,
      unit,
      samples: ours.map(read),
      baseline: { name: `Centrifugo ${centrifugoVersion}`, samples: theirs.map(read) },
      target: atMost === undefined ? undefined : { ratioAtMost: atMost },
    });
  /** All processes, and ours beside theirs part by part. */
  const cpu = (name: string, atMost: number | undefined, read: (measured: Measured) => Cpu) => {
    figure(`CPU of ${name}`, "µs", atMost, (measured) => {
      const { gateways, presence, redis } = read(measured);
      return gateways + presence + redis;
    });
    figure("    of it gateway", "µs", undefined, (measured) => read(measured).gateways);
    bench.report({ name: "    presence", unit: "µs", samples: ours.map((measured) => read(measured).presence) });
    figure("    Redis", "µs", undefined, (measured) => read(measured).redis);
  };
  const { watchers, fans } = sizes;
  const members = sizes.members.toLocaleString("en");
  cpu(`a connect, ${members} in rooms of ${roomSize}`, 1, ({ connectUs }) => connectUs);
  cpu("a connect, once warm, until who is there is known", 1, ({ askingUs }) => askingUs);
  cpu(`an idle socket a second, ${members}`, 0.3, ({ idleUs }) => idleUs);
  bench.report({
    name: `memory of an idle socket, ${members}`,
    unit: "KB",
    samples: ours.map(({ socketKb }) => socketKb),
    baseline: { name: `Centrifugo ${centrifugoVersion}`, samples: theirs.map(({ socketKb }) => socketKb) },
    target: { atMost: 10 },
  });
  cpu(`a dot to one of ${watchers} watchers`, 1, ({ dotUs }) => dotUs);
  cpu(`a dot to one of ${fans.toLocaleString("en")}`, 1, ({ fanDotUs }) => fanDotUs);
  figure(`a celebrity comes or goes → the last of them`, "ms", 1, ({ celebrityMs }) => celebrityMs);
  figure(`SIGKILL → the last of ${members} back at another gateway`, "ms", 1, ({ stormMs }) => stormMs);
  cpu("coming back", 1, ({ comebackUs }) => comebackUs);
  figure("    p99 of a ping of an open socket meanwhile", "ms", 1, ({ meanwhile }) =>
    percentile(meanwhile.pingMs, 0.99),
  );
  figure("    p99 of a dot to it", "ms", 1, ({ meanwhile }) => percentile(meanwhile.dotMs, 0.99));
  figure("    p99 of a ping before", "ms", undefined, ({ before }) => percentile(before.pingMs, 0.99));
  figure("    p99 of a dot before", "ms", undefined, ({ before }) => percentile(before.dotMs, 0.99));
  const grey = ours.map((measured) => measured.grey);
  bench.report({
    name: "messages that showed one who came back offline",
    unit: "",
    samples: grey,
    target: { atMost: 0 },
  });
}
