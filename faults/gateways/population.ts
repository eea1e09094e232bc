import { type Cancel, type Clock, systemClock } from "@realchat/presence-runtime/clock";
import type { CallerKind, SessionEnd, SessionLife } from "../history/session-life.ts";
import type { Random } from "../random/random.ts";
import type { Gateway } from "./gateway.ts";

interface Device {
  readonly userId: string;
  readonly deviceId: string;
  readonly kind: CallerKind;
  /** Stays where it is for the whole run: its only event is its first, so whoever loses that never hears of it again. */
  readonly isSteady: boolean;
  connection: Connection | undefined;
  /** Of the time before it moved, at a gateway that does not know yet. */
  left: Connection[];
}

interface Connection {
  readonly gateway: Gateway;
  readonly life: SessionLife;
  /** Until when the old gateway keeps it after the device moved, monotonic ms. */
  closeMs: number;
}

const stepMs = 100;
/** Mean time that a device is away, and that it is there, ms. */
const awayMs = 9_000;
const hereMs = 16_000;

/** People and their devices, who come, leave in every way, vanish and move between gateways. */
export class Population {
  readonly users: readonly string[];
  readonly #devices: Device[];
  readonly #gateways: readonly Gateway[];
  readonly #random: Random;
  readonly #clock: Clock;
  #cancel: Cancel | undefined;
  #isCalm = false;

  constructor(options: {
    users: readonly string[];
    gateways: readonly Gateway[];
    random: Random;
    clock?: Clock;
  }) {
    this.#gateways = options.gateways;
    this.#random = options.random;
    this.#clock = options.clock ?? systemClock;
    this.users = options.users;
    this.#devices = this.users.flatMap((userId, index) => devicesOf(userId, index, this.#random));
  }

  start(): void {
    this.#cancel = this.#clock.every(stepMs, () => this.#step());
  }

  /** Nobody comes, leaves or moves any more; who vanished with a gateway still comes back. */
  calm(): void {
    this.#isCalm = true;
  }

  stop(): void {
    this.#cancel?.();
  }

  #step(): void {
    for (const device of this.#devices) {
      this.#closeLeft(device);
      if (device.connection?.life.releasedMs !== undefined) device.connection = undefined;
      if (device.connection === undefined) this.#maybeConnect(device);
      else if (!device.isSteady && !this.#isCalm) this.#maybeLeave(device, device.connection);
    }
  }

  #maybeConnect(device: Device): void {
    if (device.isSteady) {
      if (this.#happens(600)) this.#connect(device);
    } else if (!this.#isCalm && this.#happens(awayMs)) this.#connect(device);
  }

  #connect(device: Device): void {
    const there = this.#gateways.filter(({ isUp, kind }) => isUp && kind === device.kind);
    if (there.length === 0) return;
    const gateway = this.#random.oneOf(there);
    device.connection = { gateway, life: gateway.open(device.userId, device.deviceId), closeMs: 0 };
  }

  #maybeLeave(device: Device, connection: Connection): void {
    const { gateway, life } = connection;
    if (!gateway.isUp || !this.#happens(hereMs)) return;
    const dice = this.#random.next();
    if (dice < 0.55) gateway.close(life, this.#random.oneOf(reasonsOf(device.kind)), false);
    else if (dice < 0.7) gateway.drop(life);
    else if (gateway.isRegistered(life)) this.#move(device, connection);
  }

  /** The device connects elsewhere, and its old gateway hears of it late, or not at all. */
  #move(device: Device, old: Connection): void {
    const closeMs = this.#clock.monotonicMs() + this.#random.between(300, 1_500);
    device.left.push({ ...old, closeMs });
    device.connection = undefined;
    this.#connect(device);
  }

  #closeLeft(device: Device): void {
    const nowMs = this.#clock.monotonicMs();
    device.left = device.left.filter(({ gateway, life, closeMs }) => {
      if (life.releasedMs !== undefined) return false;
      if (nowMs < closeMs || !gateway.isUp) return true;
      const { connection } = device;
      // Nothing is late about it as long as the new connection may not have come through.
      const isReplaced = connection?.gateway.isRegistered(connection.life) === true;
      if (!isReplaced && device.kind === "legacy") gateway.drop(life);
      else gateway.close(life, this.#random.oneOf(reasonsOf(device.kind)), isReplaced);
      return false;
    });
  }

  /** @param meanMs how long it takes on average */
  #happens(meanMs: number): boolean {
    return this.#random.chance(stepMs / meanMs);
  }
}

export function namesOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `user-${index}`);
}

function devicesOf(userId: string, index: number, random: Random): Device[] {
  const isSteady = index % 4 === 0;
  const kindOf = (): CallerKind => (random.chance(0.5) ? "legacy" : "token");
  const names = isSteady ? ["phone"] : ["phone", "laptop", "tablet"].slice(0, 1 + Math.floor(random.next() * 2.3));
  return names.map((deviceId) => ({
    ...{ userId, deviceId, isSteady, kind: kindOf() },
    ...{ connection: undefined, left: [] },
  }));
}

function reasonsOf(kind: CallerKind): readonly SessionEnd["reason"][] {
  return kind === "legacy" ? ["none"] : ["none", "logged-out", "connection-lost", "connection-lost", "server-drain"];
}
