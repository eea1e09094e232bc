import assert from "node:assert/strict";
import { plainStatus } from "@realchat/presence-client";
import type { FakeClock } from "@realchat/presence-runtime/testing";
import type { AudienceChange } from "../../audience/directory.ts";
import { MemoryDirectory } from "../../audience/memory/memory-directory.ts";
import { visibilityAfter } from "../../audience/testing/oracle.ts";
import type { Dot } from "../dot.ts";
import { PresencePush } from "../presence-push.ts";
import type { Subscription } from "../push.ts";
import { type RecordedFrame, RecordingSink } from "./recording-sink.ts";

export const people = ["ann", "bob", "cleo", "dan", "eve"];

type Undated = AudienceChange extends infer Change ? (Change extends unknown ? Omit<Change, "at"> : never) : never;

/** What happens around push. */
export type Event =
  | { readonly kind: "connect"; readonly user: string }
  | { readonly kind: "leave" | "hold" | "release"; readonly socket: number }
  | { readonly kind: "subscribe" | "unsubscribe"; readonly socket: number; readonly users: readonly string[] }
  | { readonly kind: "relation"; readonly change: Undated }
  /** `told`: by the feed, `late`: when more has happened, `never`: lost, and noticed at the end. */
  | { readonly kind: "flip"; readonly user: string; readonly feed: "told" | "late" | "never" }
  | { readonly kind: "forget"; readonly user: string }
  /** The store loses data: of each user the record, or what was written since an earlier state of it, or nothing. */
  | { readonly kind: "lose"; readonly kept: Readonly<Record<string, "nothing" | "older" | "all">> }
  /** The store has recovered: it restates who is online, and the feed is told. Does nothing if it does not recover. */
  | { readonly kind: "recover" }
  /** A reader of the feed lags, and reads on; what was late is written then. */
  | { readonly kind: "lag"; readonly partition: number; readonly isOver: boolean }
  | { readonly kind: "gap" | "look-again" }
  | { readonly kind: "outage"; readonly of: "presence" | "directory"; readonly isOver: boolean }
  | { readonly kind: "pass"; readonly ms: number };

interface Socket {
  readonly user: string;
  readonly sink: RecordingSink;
  readonly subscription: Subscription;
  /** What its client holds. */
  readonly held: Map<string, { readonly online: boolean; readonly version: number; readonly lastSeenMs: number }>;
  /** Users that it asked not to be told of. */
  readonly declined: Set<string>;
  seen: number;
  isOpen: boolean;
}

interface Truth {
  online: boolean;
  version: number;
  lastSeenMs: number;
}

/** What a partition of the feed has, in order. */
type Entry = { readonly kind: "update"; readonly dot: Dot } | { readonly kind: "reset"; readonly begin: number };

const partitions = [0, 1];
/** How far beyond all that is known a shard begins anew. */
const leadUs = 10_000_000;
const connected = 1;
const restated = 6;

const instant = 1_790_000_000_000_000;

/**
 * Push between a real directory, a presence and a network that dawdle and fail, with a judge beside it who knows what is
 * true and who may see whom, and looks at every frame when it is written.
 */
export class PushSimulation {
  readonly #clock: FakeClock;
  readonly #directory: MemoryDirectory;
  readonly #push: PresencePush;
  readonly #changes: AudienceChange[] = [];
  readonly #truth = new Map<string, Truth>();
  /** What the store has of each user, and had before; none: nothing. */
  readonly #records = new Map<string, Truth>();
  readonly #olderRecords = new Map<string, Truth>();
  /** When each user came or went, by version, for ever. */
  readonly #history: Map<string, Truth[]> = new Map();
  /** Versions of these users began below what they had: they say nothing of when. */
  readonly #forgotten = new Set<string>();
  readonly #logs = partitions.map((): Entry[] => []);
  readonly #lagging = new Set<number>();
  readonly #floors = new Map<number, number>();
  /** While it recovers: the version at which it began anew. */
  #begin: number | undefined;
  readonly #sockets: Socket[] = [];
  readonly #late: Dot[] = [];
  readonly #isAway = { presence: false, directory: false };
  /** The feed missed something, and knows. */
  #hasGap = false;
  #version = instant;
  #objection: unknown;
  #isVisible = visibilityAfter([]);

  constructor(clock: FakeClock, limits: { readonly interestMax: number; readonly watchedMax: number }) {
    this.#clock = clock;
    this.#directory = new MemoryDirectory({}, clock);
    for (const user of people) this.#write(user, { online: false, version: instant, lastSeenMs: 0 });
    this.#push = new PresencePush({
      directory: {
        visibleTo: (viewer, limit) => this.#delay("directory", () => this.#directory.visibleTo(viewer, limit)),
        maySee: (viewer, users) => this.#delay("directory", () => this.#directory.maySee(viewer, users)),
      },
      lookup: (userIds) =>
        this.#delay("presence", async () => ({
          dots: userIds.map((user) => this.#answer(user)),
          recovering: this.#begin !== undefined,
        })),
      clock,
      limits: { ...limits, lookupMax: 3 },
      slowMs: 1_000_000,
      reconcileEveryMs: 0,
      isFeedListening: () => !this.#isAway.presence,
      floorOf: (_shard, partition) => this.#floorOf(partition),
      observeAge() {},
      onDirectoryFailure() {},
    });
  }

  async apply(event: Event): Promise<void> {
    switch (event.kind) {
      case "connect":
        this.#connect(event.user);
        break;
      case "subscribe":
      case "unsubscribe":
        this.#declare(event);
        break;
      case "leave":
      case "hold":
      case "release":
        this.#touch(event);
        break;
      case "relation":
        await this.#relate(event.change);
        break;
      case "flip":
        this.#flip(event.user, event.feed);
        break;
      case "forget":
        // A store that lost its data, and nobody knows: nothing is said of it, and versions begin below.
        if (this.#begin !== undefined) break;
        this.#forgotten.add(event.user);
        this.#hasGap = true;
        this.#write(event.user, { online: false, version: 1, lastSeenMs: 0 });
        break;
      case "lose":
        this.#lose(event.kept);
        break;
      case "recover":
        this.#recover();
        break;
      case "lag":
        if (event.isOver) this.#readOn(event.partition);
        else this.#lagging.add(event.partition);
        break;
      case "gap":
        this.#push.gap();
        break;
      case "look-again":
        this.#push.recheckAll();
        break;
      case "outage":
        this.#isAway[event.of] = !event.isOver;
        break;
      case "pass":
        await this.#clock.advance(event.ms);
        break;
    }
    this.#judge();
  }

  /** Everything comes to rest: outages are over, what is late arrives, and what was lost is noticed. */
  async settle(): Promise<void> {
    this.#isAway.presence = false;
    this.#isAway.directory = false;
    this.#recover();
    for (const partition of partitions) this.#readOn(partition);
    for (const { sink } of this.#sockets) {
      sink.isHeld = false;
      sink.release();
    }
    // Once before and once after: an answer that is under way may be older than what was lost.
    await this.apply({ kind: "pass", ms: 10_000 });
    // What the feed told, a loss included, needs no more than that.
    if (this.#hasGap) this.#push.gap();
    for (let step = 0; step < 20; step++) await this.apply({ kind: "pass", ms: 1_000 });
  }

  /** @param isWhole everybody may be shown everyone: no limit stands in the way */
  judgeRest(isWhole: boolean): void {
    for (const { user, held, declined, isOpen } of this.#sockets) {
      if (!isOpen) continue;
      for (const other of people) {
        const shown = held.get(other);
        const truth = this.#truth.get(other) as Truth;
        if (shown !== undefined) {
          assert.ok(this.#isVisible(user, other), `${user} still holds a dot of ${other}`);
          if (!declined.has(other)) assert.equal(shown.online, truth.online, `${user} holds a wrong dot of ${other}`);
        } else if (isWhole && !declined.has(other)) {
          assert.ok(!this.#isVisible(user, other), `${user} was never told of ${other}`);
        }
      }
    }
    const open = this.#sockets.filter(({ isOpen }) => isOpen).length;
    const { subscribers, unverified, busySockets, lookups } = this.#push.metrics;
    assert.deepEqual(
      { subscribers, unverified, busySockets, waiting: lookups.waiting },
      { subscribers: open, unverified: 0, busySockets: 0, waiting: 0 },
    );
  }

  /** Nothing is left of sockets that are gone. */
  end(): void {
    for (const { subscription } of this.#sockets) subscription.close();
    const { subscribers, watchedUsers, interests } = this.#push.metrics;
    assert.deepEqual({ subscribers, watchedUsers, interests }, { subscribers: 0, watchedUsers: 0, interests: 0 });
    this.#push.close();
  }

  #connect(user: string): void {
    const sink = new RecordingSink();
    const send = sink.send.bind(sink);
    const socket: Socket = {
      ...{ user, sink, held: new Map(), declined: new Set(), seen: 0, isOpen: true },
      subscription: this.#push.connect(user, sink),
    };
    // Judged at the moment when it is written, not later.
    sink.send = (frames, taken) => {
      const isTaken = send(frames, taken);
      try {
        this.#judgeSocket(socket);
      } catch (objection) {
        this.#objection ??= objection;
      }
      return isTaken;
    };
    this.#sockets.push(socket);
  }

  #declare({ kind, socket: index, users }: Extract<Event, { kind: "subscribe" | "unsubscribe" }>): void {
    const socket = this.#sockets[index % Math.max(1, this.#sockets.length)];
    if (!socket?.isOpen) return;
    if (kind === "subscribe") {
      for (const user of users) socket.declined.delete(user);
      // Refused: the gateway closes such a socket.
      if (!socket.subscription.subscribe(users)) this.#leave(socket);
    } else {
      socket.subscription.unsubscribe(users);
      for (const user of users) {
        socket.declined.add(user);
        socket.held.delete(user);
      }
    }
  }

  #touch({ kind, socket: index }: Extract<Event, { kind: "leave" | "hold" | "release" }>): void {
    const socket = this.#sockets[index % Math.max(1, this.#sockets.length)];
    if (socket === undefined) return;
    if (kind === "leave") this.#leave(socket);
    socket.sink.isHeld = kind === "hold";
    if (kind === "release") socket.sink.release();
  }

  #leave(socket: Socket): void {
    socket.subscription.close();
    socket.isOpen = false;
  }

  async #relate(undated: Undated): Promise<void> {
    const change = { ...undated, at: this.#changes.length + 1 } as AudienceChange;
    this.#changes.push(change);
    this.#isVisible = visibilityAfter(this.#changes);
    this.#push.affected(await this.#directory.apply({ changes: [change] }));
  }

  #flip(user: string, feed: "told" | "late" | "never"): void {
    const online = !this.#truthOf(user).online;
    // While the store recovers nobody goes offline: it waits for the user's other devices.
    if (!online && this.#begin !== undefined) {
      this.#set(user, { online, version: ++this.#version, lastSeenMs: Math.floor(this.#version / 1000) });
      return;
    }
    this.#version += 1_000;
    this.#write(user, { online, version: this.#version, lastSeenMs: online ? 0 : Math.floor(this.#version / 1000) });
    const dot = this.#dot(user, online ? connected : 0);
    if (feed === "told") this.#publish(dot);
    if (feed === "late") this.#late.push(dot);
    if (feed === "never") this.#hasGap = true;
  }

  #lose(kept: Readonly<Record<string, "nothing" | "older" | "all">>): void {
    this.#version += leadUs;
    this.#begin = this.#version;
    for (const user of people) {
      const older = this.#olderRecords.get(user);
      if (kept[user] === "nothing" || (kept[user] === "older" && older === undefined)) this.#records.delete(user);
      else if (kept[user] === "older") this.#records.set(user, older as Truth);
    }
  }

  /** Gateways have registered again who is online; all of them are restated, then every partition is reset. */
  #recover(): void {
    const begin = this.#begin;
    if (begin === undefined) return;
    this.#begin = undefined;
    for (const user of people) {
      const record = this.#records.get(user);
      const { online, lastSeenMs } = this.#truthOf(user);
      if (!online && !record?.online) continue;
      if (online && record?.online && record.version > begin) continue;
      this.#records.set(user, { online, version: ++this.#version, lastSeenMs });
      this.#publish({ ...this.#answer(user), cause: online ? restated : 0 });
    }
    for (const partition of partitions) this.#append(partition, { kind: "reset", begin });
  }

  #publish(dot: Dot): void {
    this.#append(partitionOf(dot.userId), { kind: "update", dot });
  }

  #append(partition: number, entry: Entry): void {
    this.#logs[partition]?.push(entry);
    if (!this.#lagging.has(partition)) this.#read(partition);
  }

  /** A publisher that stood still goes on, too, and writes what it had read before. */
  #readOn(partition: number): void {
    this.#lagging.delete(partition);
    this.#read(partition);
    const late = this.#late.filter(({ userId }) => partitionOf(userId) === partition);
    for (const dot of late) {
      this.#late.splice(this.#late.indexOf(dot), 1);
      this.#publish(dot);
    }
  }

  /** As the feed does: it keeps floors, and leaves out what is below. */
  #read(partition: number): void {
    for (const entry of this.#logs[partition]?.splice(0) ?? []) {
      if (entry.kind === "update") {
        if (entry.dot.version >= this.#floorOf(partition)) this.#push.update(entry.dot, partition);
      } else {
        this.#floors.set(partition, entry.begin);
        this.#push.reset(0);
      }
    }
  }

  #floorOf(partition: number | undefined): number {
    if (partition !== undefined) return this.#floors.get(partition) ?? 0;
    return Math.min(...partitions.map((each) => this.#floors.get(each) ?? 0));
  }

  /** It is so, and the store has it. */
  #write(user: string, truth: Truth): void {
    const record = this.#records.get(user);
    if (record !== undefined) this.#olderRecords.set(user, record);
    this.#records.set(user, truth);
    this.#set(user, truth);
  }

  #set(user: string, truth: Truth): void {
    this.#truth.set(user, truth);
    this.#history.set(user, [...(this.#history.get(user) ?? []), truth]);
  }

  #truthOf(user: string): Truth {
    return this.#truth.get(user) as Truth;
  }

  /** What the store says. */
  #answer(user: string): Dot {
    return { ...this.#dot(user, 0), ...(this.#records.get(user) ?? this.#absent()) };
  }

  #absent(): Truth {
    return { online: false, version: this.#version, lastSeenMs: 0 };
  }

  #dot(userId: string, cause: number): Dot {
    const truth = this.#truthOf(userId);
    const status = plainStatus(truth.online);
    return { userId, ...truth, cause, status, deviceId: "", atUs: 0, shard: 0, devices: undefined };
  }

  /** Answers after a while, with what was true at some moment in between. */
  async #delay<T>(who: "presence" | "directory", answer: () => Promise<T>): Promise<T> {
    await this.#wait();
    if (this.#isAway[who]) throw new Error(`${who} is away`);
    const answered = await answer();
    await this.#wait();
    return answered;
  }

  #wait(): Promise<void> {
    const ms = this.#clock.random() < 0.3 ? 0 : this.#clock.random() * 40;
    return ms === 0 ? Promise.resolve() : new Promise((resolve) => this.#clock.after(ms, resolve));
  }

  #judge(): void {
    if (this.#objection !== undefined) throw this.#objection;
    for (const socket of this.#sockets) this.#judgeSocket(socket);
  }

  #judgeSocket(socket: Socket): void {
    for (; socket.seen < socket.sink.frames.length; socket.seen++) {
      this.#judgeFrame(socket, socket.sink.frames[socket.seen] as RecordedFrame);
    }
  }

  #judgeFrame({ user, held, isOpen }: Socket, frame: RecordedFrame): void {
    assert.ok(isOpen, `${user} was told something after the socket was closed`);
    if (frame.kind === "pong" || frame.kind === "stale") return;
    if (frame.kind === "hidden") {
      for (const hidden of frame.userIds) held.delete(hidden);
      return;
    }
    for (const { userId, online, version, lastSeenMs } of frame.dots) {
      assert.ok(this.#isVisible(user, userId), `${user} was told of ${userId}, whom he may not see`);
      const before = held.get(userId)?.version ?? 0;
      assert.ok(version >= before, `${user} was told version ${version} of ${userId} after ${before}`);
      this.#judgeGrey(userId, online, version);
      held.set(userId, { online, version, lastSeenMs });
    }
  }

  /** P1, P8: whoever is shown to be offline was offline at that version, or is so now. */
  #judgeGrey(userId: string, online: boolean, version: number): void {
    if (online || this.#forgotten.has(userId) || !this.#truthOf(userId).online) return;
    const then = (this.#history.get(userId) ?? []).findLast((truth) => truth.version <= version);
    assert.ok(!then?.online, `${userId} was shown to be offline at ${version}, and was online, and is`);
  }
}

function partitionOf(user: string): number {
  return people.indexOf(user) % partitions.length;
}
