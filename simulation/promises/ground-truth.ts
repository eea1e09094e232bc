import type { Rules } from "../../services/presence/domain/rules.ts";
import { type Closing, Closings, concerns } from "./closings.ts";
import { LeaseTruth } from "./lease-truth.ts";
import type { TruthClock } from "./truth-clock.ts";

/** What must be said of a user now; `either`: a promise leaves it open. */
export type Verdict = "online" | "offline" | "either";

/** Whether somebody uses one of a user's devices, as people are to see it. */
export type Use = "used" | "idle" | "either";

/** A client's connection to a gateway. */
export interface SocketFacts {
  /** Unique in the run. */
  readonly id: string;
  readonly userId: string;
  readonly deviceId: string;
  readonly gateway: string;
  /** False: as a gateway that knows only the existing contract. */
  readonly hasToken: boolean;
}

interface Socket extends SocketFacts {
  /** Or when a node read late that it is to be registered: it is the newest from there on. */
  openedMs: number;
  /** The client is at the other end. */
  isAttached: boolean;
  /** A gateway that runs has it open, and sends heartbeats. */
  isHeld: boolean;
  /** Nobody uses the device, as its gateway was told; undefined: the store may have lost that, and nobody may say it again. */
  isIdle: boolean | undefined;
  /** Presence has answered a call about it well. */
  isKnown: boolean;
  /** Deadline clock when the last such call was sent. */
  heardMs: number;
  /** The same of the last one under a lease, and true time when it was. */
  leasedHeard: { readonly leaseId: string; readonly clockMs: number; readonly sentMs: number } | undefined;
  /** Deadline clock when the last call was sent that presence answered, whatever it said. */
  reachedMs: number;
  /** Deadline clock when presence may have heard of it last; and last without a lease. */
  askedMs: number;
  ownAskedMs: number;
  /** Leases that it may be under. */
  readonly leases: Set<string>;
  /** Presence was told of its end. */
  isEnded: boolean;
  /** Deadline clock when it is over at the latest, since it was ended. */
  endedMs: number;
  /** An operator may have closed it, or did: true time when presence had answered that, ms. */
  closed: { readonly kind: "no" | "maybe" } | { readonly kind: "yes"; readonly atMs: number };
  /** True time when presence had answered the registration of a newer socket of the device. */
  replacedMs: number;
}

/** For how long, in the deadline clock, after its end a socket is remembered, ms: a late call may concern it. */
const rememberedMs = 300_000;
/** Between two connections of a device, until their order is beyond doubt, ms: a registration that late still counts. */
const supersedesMs = 5_000;
/** How far a deadline clock that is read may be behind, ms. */
const slackMs = 1_100;
/** Within that time presence notices that a session is over (P2), ms of the deadline clock. */
const noticedMs = 1_000;
/** For how long ticks carry a heartbeat that the store did not confirm (ADR 25), ms. */
const keptMs = 10_000;
/** From the end of recovery until all are restated, ms of the deadline clock. */
const restatingMs = 5_000;

/**
 * Knows which sockets there are, since it is told by those who open and close them, and what follows for each user.
 * Knows nothing of presence but its promises.
 */
export class GroundTruth {
  readonly leases: LeaseTruth;
  readonly #ttlMs: number;
  readonly #leasedTtlMs: number;
  readonly #graceMs: number;
  readonly #clock: TruthClock;
  readonly #runs: (gateway: string) => boolean;
  readonly #closings: Closings;
  readonly #sockets = new Map<string, Socket>();
  readonly #byUser = new Map<string, Set<Socket>>();
  /** True time when the store lost data last. */
  #lostMs = Number.NEGATIVE_INFINITY;

  /** @param options.runs whether the gateway runs now: what it holds is nobody's while it stands still */
  constructor(options: {
    readonly rules: Pick<Rules, "ttlMs" | "leaseTtlMs" | "leasedTtlMs" | "graceMs">;
    readonly clock: TruthClock;
    readonly runs: (gateway: string) => boolean;
  }) {
    const { rules, clock, runs } = options;
    this.#ttlMs = rules.ttlMs;
    this.#leasedTtlMs = rules.leasedTtlMs;
    this.#graceMs = rules.graceMs;
    this.#clock = clock;
    this.#runs = runs;
    this.leases = new LeaseTruth({ ttlMs: rules.leaseTtlMs, graceMs: rules.graceMs, slackMs, clock });
    this.#closings = new Closings(clock, slackMs);
  }

  /** A gateway took the client's connection. */
  opened(facts: SocketFacts): void {
    const { userId, deviceId } = facts;
    const clockMs = this.#clock.deadlineClockMs(userId);
    const socket: Socket = {
      ...facts,
      openedMs: this.#clock.nowMs(),
      isAttached: true,
      isHeld: true,
      isIdle: false,
      isKnown: false,
      heardMs: Number.NEGATIVE_INFINITY,
      leasedHeard: undefined,
      reachedMs: clockMs,
      askedMs: clockMs,
      ownAskedMs: Number.NEGATIVE_INFINITY,
      leases: new Set(),
      isEnded: false,
      endedMs: Number.POSITIVE_INFINITY,
      closed: { kind: this.#closings.mayClose(userId, deviceId) ? "maybe" : "no" },
      replacedMs: Number.POSITIVE_INFINITY,
    };
    this.#sockets.set(facts.id, socket);
    const sockets = this.#byUser.get(userId) ?? new Set();
    this.#byUser.set(userId, sockets.add(socket));
    for (const old of sockets) {
      if (!old.isHeld && this.#overMs(old) + rememberedMs < clockMs) this.#forget(old, sockets);
    }
  }

  /**
   * A call that keeps the socket's session alive is sent: presence may hear of it.
   * @param leaseId that it is to be under; empty: none
   */
  asked(id: string, leaseId: string): void {
    const socket = this.#sockets.get(id);
    if (socket?.isHeld === true) this.#asked(socket, leaseId);
  }

  /**
   * A node reads such a call. If the socket is gone, that is the last refresh, from which P2 counts.
   * @param registeredMs true time when it was sent, if it registers: a call counts from when a node reads it
   */
  read(id: string, leaseId: string, registeredMs = Number.POSITIVE_INFINITY): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined || socket.isEnded) return;
    this.#asked(socket, leaseId);
    const nowMs = this.#clock.nowMs();
    if (registeredMs < nowMs - supersedesMs)
      Object.assign(socket, { openedMs: nowMs, replacedMs: Number.POSITIVE_INFINITY });
  }

  /** A call is sent, or read by a node, by which a session lives on where it is: it says whether the device is used. */
  touched(id: string): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined || socket.isEnded) return;
    socket.askedMs = this.#clock.deadlineClockMs(socket.userId);
    if (socket.leases.size === 0) socket.ownAskedMs = socket.askedMs;
  }

  /** A heartbeat was not confirmed: a tick may carry it for a while, and P2 counts from there. */
  unconfirmed(id: string): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined || socket.isEnded) return;
    socket.askedMs = this.#clock.deadlineClockMs(socket.userId) + keptMs;
    if (socket.leases.size === 0) socket.ownAskedMs = socket.askedMs;
  }

  /**
   * Presence answered such a call well.
   * @param sentClockMs deadline clock when it was sent
   * @param sentMs true time when it was sent
   * @returns the promise that this breaks, and how, if it does
   */
  heard(
    id: string,
    leaseId: string,
    sentClockMs: number,
    sentMs: number,
  ): { readonly promise: string; readonly why: string } | undefined {
    const socket = this.#sockets.get(id);
    if (socket === undefined) return undefined;
    this.asked(id, leaseId);
    this.reached(id, sentClockMs);
    const { userId, deviceId, closed } = socket;
    socket.isKnown = true;
    if (leaseId === "") socket.heardMs = Math.max(socket.heardMs, sentClockMs);
    else if (sentMs >= this.#lostMs) socket.leasedHeard = { leaseId, clockMs: sentClockMs, sentMs };
    if (sentMs >= this.#lostMs) this.#proven(socket);
    const block = this.#closings.blocking(userId, deviceId);
    if (block !== undefined && block.sinceMs < sentMs) {
      return { promise: "block", why: `presence took ${id}, which an operator blocks` };
    }
    if (closed.kind === "yes" && closed.atMs < sentMs) {
      socket.closed = { kind: "maybe" };
      return { promise: "close", why: `presence kept ${id} alive, which an operator had closed` };
    }
    if (closed.kind === "maybe" && !this.#closings.mayClose(userId, deviceId)) socket.closed = { kind: "no" };
    return socket.replacedMs < sentMs
      ? { promise: "P7", why: `presence kept ${id} alive, which a newer connection of the device had replaced` }
      : undefined;
  }

  /** Presence answered a call about the socket, whatever it said. @param sentClockMs deadline clock when it was sent */
  reached(id: string, sentClockMs: number): void {
    const socket = this.#sockets.get(id);
    if (socket !== undefined) socket.reachedMs = Math.max(socket.reachedMs, sentClockMs);
  }

  /** A node reads an operator's call. */
  closing(closing: Closing): void {
    this.#closings.read(closing);
    for (const socket of this.#byUser.get(closing.userId) ?? []) {
      if (concerns(closing, socket.deviceId) && socket.closed.kind === "no") {
        socket.closed = { kind: "maybe" };
      }
    }
  }

  /** Presence answered it. @param ids of the sockets whose sessions it closed */
  closed(closing: Closing, ids: readonly string[]): void {
    if (!this.#closings.answered(closing)) return;
    for (const id of ids) {
      const socket = this.#sockets.get(id);
      if (socket === undefined) continue;
      socket.closed = { kind: "yes", atMs: this.#clock.nowMs() };
      socket.endedMs = Math.min(socket.endedMs, this.#clock.deadlineClockMs(socket.userId));
    }
  }

  /** The store lost data: what was replaced, ended, closed or blocked may be again as it was. */
  lost(): void {
    this.#lostMs = this.#clock.nowMs();
    this.leases.lost();
    this.#closings.lost();
    for (const socket of this.#sockets.values()) {
      socket.replacedMs = Number.POSITIVE_INFINITY;
      socket.leasedHeard = undefined;
      // The end may be among what was lost: then its own deadline is left.
      if (socket.leases.size > 0) socket.endedMs = Number.POSITIVE_INFINITY;
      if (socket.closed.kind === "yes") socket.closed = { kind: "maybe" };
      // Only a lease tells its gateway of a loss that the session outlived.
      if (socket.leases.size === 0) socket.isIdle = undefined;
    }
  }

  /** Presence says that another connection has the device. @returns what is wrong about that, if anything */
  superseded(id: string): string | undefined {
    const socket = this.#sockets.get(id);
    if (socket === undefined || !socket.isAttached) return undefined;
    for (const other of this.#byUser.get(socket.userId) ?? []) {
      const isOfDevice = other !== socket && other.deviceId === socket.deviceId;
      if (isOfDevice && other.openedMs > socket.openedMs - supersedesMs) return undefined;
    }
    return `presence superseded ${id}, which is the newest connection of its device`;
  }

  /** The client says whether somebody uses its device. */
  used(id: string, isIdle: boolean): void {
    const socket = this.#sockets.get(id);
    if (socket !== undefined) socket.isIdle = isIdle;
  }

  /** The client is gone, and the gateway does not know yet. */
  detached(id: string): void {
    const socket = this.#sockets.get(id);
    if (socket !== undefined) socket.isAttached = false;
  }

  /** Nobody sends heartbeats of it any more: the gateway closed it, or is gone itself. */
  released(id: string): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined || !socket.isHeld) return;
    socket.isAttached = false;
    socket.isHeld = false;
  }

  /**
   * Presence was told of the end, and answered.
   * @param isLost with a grace for its user
   * @param sentMs true time when it was told
   */
  ended(id: string, isLost: boolean, sentMs: number): void {
    const socket = this.#sockets.get(id);
    // Without a token an end may concern a newer session, and is left to the deadline where that is unclear.
    if (socket === undefined || socket.isHeld || !socket.hasToken) return;
    const clockMs = this.#clock.deadlineClockMs(socket.userId);
    socket.isEnded = true;
    // The end may be among what was lost.
    if (socket.leases.size > 0 && sentMs < this.#lostMs) return;
    socket.endedMs = Math.min(socket.endedMs, clockMs + (isLost ? this.#graceMs : 0));
  }

  verdict(userId: string): Verdict {
    const clockMs = this.#clock.deadlineClockMs(userId);
    let overMs = Number.NEGATIVE_INFINITY;
    let isHeld = false;
    for (const socket of this.#byUser.get(userId) ?? []) {
      if (this.#isThere(socket)) return "online";
      if (!socket.isHeld && socket.endedMs + noticedMs < clockMs) continue;
      const block = this.#closings.blocking(userId, socket.deviceId);
      if (socket.isHeld && block === undefined && socket.closed.kind !== "yes") isHeld = true;
      else overMs = Math.max(overMs, Math.min(this.#overMs(socket), block?.sinceClockMs ?? Number.POSITIVE_INFINITY));
    }
    if (isHeld) return "either";
    // P2; not while the shard recovers.
    return clockMs > Math.max(overMs, this.#clock.recoveringUntilMs(userId)) + noticedMs ? "offline" : "either";
  }

  /** Of a user who must be said to be online. */
  use(userId: string): Use {
    const clockMs = this.#clock.deadlineClockMs(userId);
    let isEachIdle = true;
    for (const socket of this.#byUser.get(userId) ?? []) {
      if (socket.isIdle) continue;
      if (socket.isIdle === false && this.#isThere(socket)) return "used";
      if (socket.isHeld || this.#overMs(socket) + noticedMs >= clockMs) isEachIdle = false;
    }
    return isEachIdle ? "idle" : "either";
  }

  /** Whether presence recovers from a loss: who was lost with it may not be back yet. */
  isRecovering(userId: string): boolean {
    return this.#clock.deadlineClockMs(userId) < this.#clock.recoveringUntilMs(userId);
  }

  /** Whether it does, or restates: those who were back before are said again then. */
  isRestating(userId: string): boolean {
    return this.#clock.deadlineClockMs(userId) < this.#clock.recoveringUntilMs(userId) + restatingMs;
  }

  /**
   * The session that lives by all that presence itself answered: while there is one, nobody may take the user down (P1).
   */
  living(userId: string): { readonly id: string; readonly leftMs: number } | undefined {
    const clockMs = this.#clock.deadlineClockMs(userId);
    const sockets = [...(this.#byUser.get(userId) ?? [])];
    for (const [index, socket] of sockets.entries()) {
      const { id, deviceId, isHeld, closed, openedMs } = socket;
      const leftMs = this.#livesUntilMs(socket) - clockMs;
      // Once another connection of the device was opened, it is open whether that one has the device.
      const isNewest = !sockets.slice(index + 1).some((other) => other.deviceId === deviceId);
      const isBeyondDoubt = !sockets
        .slice(0, index)
        .some((other) => other.deviceId === deviceId && other.openedMs > openedMs - supersedesMs);
      if (isHeld && closed.kind === "no" && leftMs > slackMs && isNewest && isBeyondDoubt) return { id, leftMs };
    }
    return undefined;
  }

  /** Its client is there for sure, and presence has to know. */
  #isThere(socket: Socket): boolean {
    const { userId, deviceId, isAttached, closed, gateway } = socket;
    if (!isAttached || closed.kind !== "no" || !this.#runs(gateway)) return false;
    return !this.#closings.mayBlock(userId, deviceId) && !this.#isOutOfReach(socket);
  }

  /** Whoever knows only the existing contract, and reached no node for a TTL, is back with the next heartbeat that does. */
  #isOutOfReach({ hasToken, reachedMs, userId }: Socket): boolean {
    return !hasToken && reachedMs + this.#ttlMs < this.#clock.deadlineClockMs(userId);
  }

  /** Deadline clock until which a session that is held lives for sure. */
  #livesUntilMs({ userId, heardMs, leasedHeard, leases }: Socket): number {
    if (leases.size === 0) return heardMs + this.#ttlMs;
    // Under which of two leases it is, is open.
    if (leasedHeard === undefined || leases.size > 1) return Number.NEGATIVE_INFINITY;
    const { leaseId, clockMs, sentMs } = leasedHeard;
    const openUntilMs = this.leases.openUntilMs(leaseId, this.#clock.shardOf(userId), sentMs);
    return Math.min(clockMs + this.#leasedTtlMs, openUntilMs);
  }

  /** Deadline clock when a session is over at the latest that nobody holds. */
  #overMs({ userId, askedMs, ownAskedMs, endedMs, leases }: Socket): number {
    let overMs = ownAskedMs + this.#ttlMs;
    for (const leaseId of leases) {
      const leasedMs = this.leases.overMs(leaseId, this.#clock.shardOf(userId));
      overMs = Math.max(overMs, Math.min(askedMs + this.#leasedTtlMs, leasedMs));
    }
    return Math.min(endedMs, overMs);
  }

  #asked(socket: Socket, leaseId: string): void {
    socket.askedMs = this.#clock.deadlineClockMs(socket.userId);
    if (leaseId === "") socket.ownAskedMs = socket.askedMs;
    else socket.leases.add(leaseId);
  }

  /** The store knows it, since it lost data last: it has replaced the older ones, of which none may register yet. */
  #proven(socket: Socket): void {
    const nowMs = this.#clock.nowMs();
    if (!socket.hasToken) return;
    for (const other of this.#byUser.get(socket.userId) ?? []) {
      const isOlder = other.deviceId === socket.deviceId && other.openedMs < socket.openedMs;
      const isBeyondDoubt = other.isKnown || other.openedMs < socket.openedMs - supersedesMs;
      if (other.hasToken && isOlder && isBeyondDoubt) other.replacedMs = Math.min(other.replacedMs, nowMs);
    }
  }

  #forget(socket: Socket, sockets: Set<Socket>): void {
    sockets.delete(socket);
    this.#sockets.delete(socket.id);
  }
}
