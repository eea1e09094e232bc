import assert from "node:assert/strict";
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

const instant = 1_790_000_000_000_000;

/**
 * Push between a real directory, a presence and a network that dawdle and fail, with a judge beside it who knows what is
 * true and who may see whom, and looks at every frame when it is written.
 */
export class PushSimulation {
  readonly #clock: FakeClock;
  readonly #directory: MemoryDirectory;
  readonly #push: PresencePush;
  readonly #history: AudienceChange[] = [];
  readonly #truth = new Map<string, Truth>();
  readonly #sockets: Socket[] = [];
  readonly #late: Dot[] = [];
  readonly #isAway = { presence: false, directory: false };
  #version = instant;
  #objection: unknown;
  #isVisible = visibilityAfter([]);

  constructor(clock: FakeClock, limits: { readonly interestMax: number; readonly watchedMax: number }) {
    this.#clock = clock;
    this.#directory = new MemoryDirectory({}, clock);
    for (const user of people) this.#truth.set(user, { online: false, version: instant, lastSeenMs: 0 });
    this.#push = new PresencePush({
      directory: {
        visibleTo: (viewer, limit) => this.#delay("directory", () => this.#directory.visibleTo(viewer, limit)),
        maySee: (viewer, users) => this.#delay("directory", () => this.#directory.maySee(viewer, users)),
      },
      lookup: (userIds) =>
        this.#delay("presence", async () => ({ dots: userIds.map((user) => this.#dot(user)), recovering: false })),
      clock,
      limits: { ...limits, lookupMax: 3 },
      slowMs: 1_000_000,
      reconcileEveryMs: 0,
      isFeedListening: () => !this.#isAway.presence,
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
        // A store that lost its data: nothing is said of it, and versions begin below.
        this.#truth.set(event.user, { online: false, version: 1, lastSeenMs: 0 });
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
    for (const dot of this.#late.splice(0)) this.#push.update(dot);
    for (const { sink } of this.#sockets) {
      sink.isHeld = false;
      sink.release();
    }
    // Once before and once after: an answer that is under way may be older than what was lost.
    await this.apply({ kind: "pass", ms: 10_000 });
    this.#push.gap();
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
    sink.send = (frames, written) => {
      send(frames, written);
      try {
        this.#judgeSocket(socket);
      } catch (objection) {
        this.#objection ??= objection;
      }
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
    const change = { ...undated, at: this.#history.length + 1 } as AudienceChange;
    this.#history.push(change);
    this.#isVisible = visibilityAfter(this.#history);
    this.#push.affected(await this.#directory.apply({ changes: [change] }));
  }

  #flip(user: string, feed: "told" | "late" | "never"): void {
    const before = this.#truth.get(user) as Truth;
    this.#version += 1_000;
    const online = !before.online;
    this.#truth.set(user, {
      online,
      version: this.#version,
      lastSeenMs: online ? 0 : Math.floor(this.#version / 1000),
    });
    const dot = this.#dot(user);
    if (feed === "told") this.#push.update(dot);
    if (feed === "late") this.#late.push(dot);
  }

  #dot(userId: string): Dot {
    const truth = this.#truth.get(userId) as Truth;
    return { userId, ...truth, cause: 0, deviceId: "", instanceId: "", shard: 0, devices: undefined };
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
      held.set(userId, { online, version, lastSeenMs });
    }
  }
}
