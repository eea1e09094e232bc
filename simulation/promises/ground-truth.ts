/** What must be said of a user now; `either`: a promise leaves it open. */
export type Verdict = "online" | "offline" | "either";

/** The last tick of a shard that moved its clock. */
export interface ShardTick {
  /** What it left the clock at, ms. */
  readonly clockMs: number;
  /** True time when that was, ms. */
  readonly atMs: number;
  /** How often the store's wall clock had been stepped forward by then. */
  readonly steps: number;
}

/** What the truth is measured by. */
export interface TruthClock {
  /** True time since the run began, ms. */
  nowMs(): number;
  /**
   * The clock on which the user's deadlines are counted, ms. It stands still while no node ticks; one that cannot be
   * read exactly must not be ahead.
   */
  deadlineClockMs(userId: string): number;
  shardTick(shard: number): ShardTick;
  /** Until then, on that clock, presence takes nobody down, since it recovers from a loss, ms. */
  recoveringUntilMs(userId: string): number;
}

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
  readonly openedMs: number;
  /** The client is at the other end. */
  isAttached: boolean;
  /** A gateway that runs has it open, and sends heartbeats. */
  isHeld: boolean;
  /** Deadline clock when the last call was sent that presence answered well. */
  heardMs: number;
  /** Deadline clock when presence may have heard of it last. */
  askedMs: number;
  /** Presence was told of its end. */
  isEnded: boolean;
  /** Deadline clock when it is over at the latest, once it is not held any more. */
  overMs: number;
  /** True time when presence had answered the registration of a newer socket of the device. */
  replacedMs: number;
}

/** For how long, in the deadline clock, after its end a socket is remembered, ms: a late call may concern it. */
const rememberedMs = 300_000;
/** Between two connections of a device, until their order is beyond doubt, ms: a registration that late still counts. */
const supersedesMs = 5_000;
/** From the end of recovery until all are restated, ms of the deadline clock. */
const restatingMs = 5_000;

/**
 * Knows which sockets there are, since it is told by those who open and close them, and what follows for each user.
 * Knows nothing of presence but its promises.
 */
export class GroundTruth {
  readonly #ttlMs: number;
  readonly #graceMs: number;
  readonly #clock: TruthClock;
  readonly #runs: (gateway: string) => boolean;
  readonly #sockets = new Map<string, Socket>();
  readonly #byUser = new Map<string, Set<Socket>>();
  /** True time when the store lost data last. */
  #lostMs = Number.NEGATIVE_INFINITY;

  /** @param options.runs whether the gateway runs now: what it holds is nobody's while it stands still */
  constructor(options: {
    readonly ttlMs: number;
    readonly graceMs: number;
    readonly clock: TruthClock;
    readonly runs: (gateway: string) => boolean;
  }) {
    this.#ttlMs = options.ttlMs;
    this.#graceMs = options.graceMs;
    this.#clock = options.clock;
    this.#runs = options.runs;
  }

  /** A gateway took the client's connection. */
  opened(facts: SocketFacts): void {
    const clockMs = this.#clock.deadlineClockMs(facts.userId);
    const socket: Socket = {
      ...facts,
      openedMs: this.#clock.nowMs(),
      isAttached: true,
      isHeld: true,
      heardMs: Number.NEGATIVE_INFINITY,
      askedMs: clockMs,
      isEnded: false,
      overMs: Number.POSITIVE_INFINITY,
      replacedMs: Number.POSITIVE_INFINITY,
    };
    this.#sockets.set(facts.id, socket);
    const sockets = this.#byUser.get(facts.userId) ?? new Set();
    this.#byUser.set(facts.userId, sockets.add(socket));
    for (const old of sockets) if (old.overMs + rememberedMs < clockMs) this.#forget(old, sockets);
  }

  /** A call that keeps the socket's session alive is sent, or its answer came: presence may have heard of it by now. */
  asked(id: string): void {
    const socket = this.#sockets.get(id);
    if (socket !== undefined) socket.askedMs = this.#clock.deadlineClockMs(socket.userId);
  }

  /** A node reads such a call. If the socket is gone, that is the last refresh, from which P2 counts. */
  read(id: string): void {
    const socket = this.#sockets.get(id);
    if (socket === undefined || socket.isEnded) return;
    this.asked(id);
    if (!socket.isHeld) socket.overMs = Math.max(socket.overMs, socket.askedMs + this.#ttlMs);
  }

  /**
   * Presence answered such a call well.
   * @param sentClockMs deadline clock when it was sent
   * @param sentMs true time when it was sent
   * @returns what was wrong about that, if anything
   */
  heard(id: string, sentClockMs: number, sentMs: number): string | undefined {
    const socket = this.#sockets.get(id);
    if (socket === undefined) return undefined;
    this.asked(id);
    socket.heardMs = Math.max(socket.heardMs, sentClockMs);
    if (sentMs >= this.#lostMs) this.#proven(socket);
    return socket.replacedMs < sentMs
      ? `presence kept ${id} alive, which a newer connection of the device had replaced`
      : undefined;
  }

  /** The store lost data: which connection replaced which may be among them. */
  lost(): void {
    this.#lostMs = this.#clock.nowMs();
    for (const socket of this.#sockets.values()) socket.replacedMs = Number.POSITIVE_INFINITY;
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
    socket.overMs = socket.askedMs + this.#ttlMs;
  }

  /** Presence was told of the end, and answered. @param isLost with a grace for its user */
  ended(id: string, isLost: boolean): void {
    const socket = this.#sockets.get(id);
    // Without a token an end may concern a newer session, and is left to the deadline where that is unclear.
    if (socket === undefined || socket.isHeld || !socket.hasToken) return;
    const clockMs = this.#clock.deadlineClockMs(socket.userId);
    socket.isEnded = true;
    socket.overMs = Math.min(socket.overMs, clockMs + (isLost ? this.#graceMs : 0));
  }

  verdict(userId: string): Verdict {
    const clockMs = this.#clock.deadlineClockMs(userId);
    let overMs = Number.NEGATIVE_INFINITY;
    let isHeld = false;
    for (const socket of this.#byUser.get(userId) ?? []) {
      if (socket.isAttached && this.#runs(socket.gateway)) return "online";
      if (socket.isHeld) isHeld = true;
      else overMs = Math.max(overMs, socket.overMs);
    }
    if (isHeld) return "either";
    // P2: a second to notice; not while the shard recovers.
    return clockMs > Math.max(overMs, this.#clock.recoveringUntilMs(userId)) + 1_000 ? "offline" : "either";
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
   * @param slackMs how far the deadline clock may be off
   */
  living(userId: string, slackMs: number): { readonly id: string; readonly leftMs: number } | undefined {
    const clockMs = this.#clock.deadlineClockMs(userId);
    const sockets = [...(this.#byUser.get(userId) ?? [])];
    for (const [index, { id, deviceId, isHeld, heardMs, openedMs }] of sockets.entries()) {
      const leftMs = heardMs + this.#ttlMs - clockMs;
      // Once another connection of the device was opened, it is open whether that one has the device.
      const isNewest = !sockets.slice(index + 1).some((other) => other.deviceId === deviceId);
      const isBeyondDoubt = !sockets
        .slice(0, index)
        .some((other) => other.deviceId === deviceId && other.openedMs > openedMs - supersedesMs);
      if (isHeld && leftMs > slackMs && isNewest && isBeyondDoubt) return { id, leftMs };
    }
    return undefined;
  }

  /** The store knows it, since it lost data last: it has replaced the older ones. */
  #proven(socket: Socket): void {
    const nowMs = this.#clock.nowMs();
    if (!socket.hasToken) return;
    for (const other of this.#byUser.get(socket.userId) ?? []) {
      const isOlder = other.deviceId === socket.deviceId && other.openedMs < socket.openedMs;
      if (other.hasToken && isOlder) other.replacedMs = Math.min(other.replacedMs, nowMs);
    }
  }

  #forget(socket: Socket, sockets: Set<Socket>): void {
    sockets.delete(socket);
    this.#sockets.delete(socket.id);
  }
}
