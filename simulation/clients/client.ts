import { stateVersion } from "../../services/delivery/push/testing/state-version.ts";
import type { ClientSocket, SimulatedGateway, SocketEnd } from "../gateways/client-socket.ts";
import type { DotFrame } from "../gateways/dot-frames.ts";
import type { GroundTruth } from "../promises/ground-truth.ts";
import type { PromiseJudge } from "../promises/promise-judge.ts";
import type { Reader } from "../promises/reader.ts";
import type { Timeline } from "../promises/timeline.ts";
import type { EventLoop } from "../time/event-loop.ts";
import type { Random } from "../time/random.ts";

/** How long clients stay, and stay away, on average, ms. */
export interface Habits {
  readonly stayMs: number;
  readonly awayMs: number;
  /** Between two losses of its network, on average. */
  readonly roamMs: number;
  /** Between two times that somebody turns to the device, or away from it. */
  readonly useMs: number;
}

/** A gateway finds out within that time that a connection is lost: PING_INTERVAL and PONG_TIMEOUT of Delivery, ms. */
const livenessMs = { least: 10_000, most: 40_000 };
const reconnectMs = { least: 200, most: 5_000 };
const latencyMs = 40;
/** How long a device that is idle has been, ms: more than clocks are apart. */
const idleMs = { least: 600_000, most: 1_200_000 };
/** When a client that was shown nothing should have been, ms. */
const snapshotWithinMs = 5_000;

interface ClientOptions {
  readonly userId: string;
  readonly deviceId: string;
  readonly contacts: readonly string[];
  readonly gateways: () => readonly SimulatedGateway[];
  readonly hasToken: boolean;
  readonly habits: Habits;
  readonly loop: EventLoop;
  /** A clock that is right, ms since 1970. */
  readonly wallMs: () => number;
  readonly random: Random;
  readonly truth: GroundTruth;
  readonly judge: PromiseJudge;
  readonly timeline: Timeline;
}

/** A device of a user: comes, watches the dots of its contacts, loses its network, goes, and comes again. */
export class Client {
  readonly #options: ClientOptions;
  #connection: Connection | undefined;
  #isWanted = false;
  /** Counts how often it came. */
  #visits = 0;
  #attempts = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#later(options.random.between(0, options.habits.awayMs), () => this.#come());
    this.#roam();
    this.#use();
  }

  /** Name of the gateway that it is connected to. */
  get gateway(): string | undefined {
    return this.#connection?.gateway;
  }

  /** Its network is gone for a moment: it connects again as soon as it can. */
  loseNetwork(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    connection.leave(undefined);
    this.#connectLater();
  }

  /** It is gone without a word, and comes again some time. */
  vanish(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    connection.leave(undefined);
    this.#stayAway();
  }

  #roam(): void {
    const { random, habits } = this.#options;
    this.#later(random.around(habits.roamMs), () => {
      this.loseNetwork();
      this.#roam();
    });
  }

  #use(): void {
    const { random, habits } = this.#options;
    this.#later(random.around(habits.useMs), () => {
      this.#connection?.use(random.chance(0.4));
      this.#use();
    });
  }

  /** It reads nothing for a while. */
  stall(forMs: number): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    connection.stall();
    this.#later(forMs, () => connection.goOn());
  }

  #come(): void {
    this.#isWanted = true;
    this.#connect();
    const { random, habits } = this.#options;
    const visit = ++this.#visits;
    this.#later(random.around(habits.stayMs), () => {
      if (this.#isWanted && visit === this.#visits) this.#go();
    });
  }

  #go(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.leave(this.#options.random.pick(["logged-out", "connection-lost", undefined]));
    this.#stayAway();
  }

  #stayAway(): void {
    const { random, habits } = this.#options;
    this.#isWanted = false;
    this.#later(random.around(habits.awayMs), () => this.#come());
  }

  #connectLater(): void {
    const { random } = this.#options;
    this.#later(random.between(reconnectMs.least, reconnectMs.most), () => this.#connect());
  }

  #connect(): void {
    if (!this.#isWanted || this.#connection !== undefined) return;
    const { gateways, hasToken, random, userId, deviceId } = this.#options;
    const open = gateways().filter((gateway) => gateway.isOpen && gateway.hasTokens === hasToken);
    if (open.length === 0) {
      this.#connectLater();
      return;
    }
    const connection = new Connection(this.#options, `${userId} ${deviceId} ${++this.#attempts}`, () => {
      if (this.#connection !== connection) return;
      this.#connection = undefined;
      if (this.#isWanted) this.#connectLater();
    });
    this.#connection = connection;
    connection.open(random.pick(open));
  }

  #later(delayMs: number, run: () => void): void {
    this.#options.loop.after(delayMs, run);
  }
}

/** One connection of a client, and the dots that it is shown. */
class Connection {
  readonly #options: ClientOptions;
  readonly #reader: Reader;
  readonly #onClosed: () => void;
  #socket: ClientSocket | undefined;
  gateway: string | undefined;
  #isOver = false;
  #isStale = false;
  #isShown = false;
  #reading: Promise<void> = Promise.resolve();
  #goOn: (() => void) | undefined;

  constructor(options: ClientOptions, name: string, onClosed: () => void) {
    this.#options = options;
    this.#onClosed = onClosed;
    this.#reader = options.judge.reader("dots", name, options.contacts);
  }

  open(gateway: SimulatedGateway): void {
    const { userId, deviceId, loop, judge } = this.#options;
    this.gateway = gateway.name;
    this.#socket = gateway.open(userId, deviceId, {
      receive: (frame) => void this.#reading.then(() => loop.after(latencyMs, () => this.#take(frame))),
      taken: () => this.#reading.then(() => new Promise((resolve) => loop.after(latencyMs, () => resolve()))),
      closed: () => {
        if (this.#isOver) return;
        this.#stop();
        this.#onClosed();
      },
    });
    if (gateway.hasTokens) {
      loop.after(snapshotWithinMs, () => {
        this.#isShown = true;
        this.#show();
      });
    } else {
      judge.drop(this.#reader);
    }
  }

  /** @param end undefined: without a word, so that the gateway has to find out */
  leave(end: SocketEnd | undefined): void {
    const socket = this.#socket;
    if (this.#isOver || socket === undefined) return;
    this.#stop();
    const { truth, loop, random, timeline, userId } = this.#options;
    truth.detached(socket.facts.id);
    timeline.note("client", `leaves ${socket.facts.id} ${end ?? "without a word"}`, userId);
    if (end === undefined)
      loop.after(random.between(livenessMs.least, livenessMs.most), () => socket.close("connection-lost"));
    else loop.after(latencyMs, () => socket.close(end));
  }

  use(isIdle: boolean): void {
    const { random, wallMs, timeline, userId } = this.#options;
    if (this.#isOver || this.#socket === undefined) return;
    timeline.note("client", `${this.#socket.facts.id} is ${isIdle ? "idle" : "used"}`, userId);
    this.#socket.use(isIdle ? Math.floor(wallMs() - random.between(idleMs.least, idleMs.most)) : 0);
  }

  stall(): void {
    if (this.#goOn !== undefined) return;
    this.#reading = new Promise((resolve) => (this.#goOn = resolve));
    this.#show();
  }

  goOn(): void {
    this.#goOn?.();
    this.#goOn = undefined;
    // What waited is read by then.
    this.#options.loop.after(2 * latencyMs, () => this.#show());
  }

  #stop(): void {
    this.#isOver = true;
    this.goOn();
    this.#options.judge.drop(this.#reader);
  }

  #take(frame: DotFrame): void {
    if (this.#isOver) return;
    switch (frame.kind) {
      case "snapshot":
      case "presence":
        for (const dot of frame.dots) this.#reader.told(dot.userId, dot.online, stateVersion(dot), dot.status);
        this.#isShown ||= frame.kind === "snapshot";
        break;
      case "stale":
        this.#isStale = frame.isStale;
        break;
      case "hidden":
        break;
    }
    this.#show();
  }

  #show(): void {
    this.#reader.isSynced = this.#isShown && !this.#isStale && this.#goOn === undefined;
  }
}
