import assert from "node:assert/strict";
import type { UserStatus } from "@realchat/presence-client";
import type { FakeClock } from "@realchat/presence-runtime/testing";
import type { AudienceChange } from "../../../audience/directory.ts";
import { MemoryDirectory } from "../../../audience/memory/memory-directory.ts";
import { visibilityAfter } from "../../../audience/testing/oracle.ts";
import type { PolicyPatch } from "../../../privacy/policy.ts";
import { PresencePush } from "../../presence-push.ts";
import type { Subscription } from "../../push.ts";
import { ClientSink, type Told } from "../client-sink.ts";
import { type RecordedFrame, RecordingSink } from "../recording-sink.ts";
import { stateVersion } from "../state-version.ts";
import { TestPolicies } from "../test-policies.ts";
import { Dawdling, withoutChance } from "./dawdling.ts";
import { type Event, hider, type Kept, people, type Undated, type World } from "./events.ts";
import { Hider } from "./hider.ts";
import { type FeedReader, floorOf, partitions, SimulatedFeed } from "./simulated-feed.ts";
import { causes, offlineLike, SimulatedPresence, statusSaying, type Truth } from "./simulated-presence.ts";

interface SimulationOptions {
  readonly limits: { readonly interestMax: number; readonly watchedMax: number };
  /** Default: one. */
  readonly gateways?: number;
  readonly world?: World;
}

interface Socket {
  readonly user: string;
  readonly gateway: Gateway;
  readonly sink: RecordingSink | ClientSink;
  readonly subscription: Subscription;
  /** What its client holds. */
  readonly held: Map<string, Held>;
  /** Users that it asked not to be told of. */
  readonly declined: Set<string>;
  seen: number;
  isOpen: boolean;
}

interface Held {
  readonly online: boolean;
  /** That of the frame, and presence's of the state. */
  readonly version: number;
  readonly stateVersion: number;
  readonly lastSeenMs: number;
}

interface Gateway extends FeedReader {
  push: PresencePush;
}

/** Within this all that is asked is answered, ms; or all that failed before as well, and waits to be asked again. */
const quietMs = 300;
const restMs = 3_000;

/**
 * Gateways between a real directory, a presence and a network that dawdle and fail, with a judge beside them who knows what is
 * true and who may see whom, and looks at every frame when it is written. How long an answer takes depends on the question
 * alone, so that two worlds differ by nothing but what differs in them.
 */
export class PushSimulation {
  readonly #clock: FakeClock;
  readonly #options: SimulationOptions;
  readonly #directory: MemoryDirectory;
  readonly #policies: TestPolicies;
  readonly #presence: SimulatedPresence;
  readonly #feed: SimulatedFeed;
  readonly #dawdling: Dawdling;
  readonly #hider: Hider;
  readonly #gateways: Gateway[];
  readonly #changes: AudienceChange[] = [];
  /** Versions of these users began below what they had: they say nothing of when. */
  readonly #forgotten = new Set<string>();
  readonly #sockets: Socket[] = [];
  /** The feed missed something, and knows. */
  #hasGap = false;
  #objection: unknown;
  #isVisible = visibilityAfter([]);

  constructor(clock: FakeClock, options: SimulationOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#dawdling = new Dawdling(clock);
    this.#directory = new MemoryDirectory({}, clock);
    this.#policies = new TestPolicies(clock, (answer, question) => this.#dawdling.ofPolicies(question, answer));
    this.#presence = new SimulatedPresence(clock);
    this.#feed = new SimulatedFeed(() => this.#gateways);
    this.#hider = new Hider({
      ...{ clock, presence: this.#presence, feed: this.#feed, policies: this.#policies, world: options.world },
      tellPolicy: () => this.#policyChanged(hider),
      rest: () => this.#rest(),
    });
    this.#gateways = Array.from({ length: options.gateways ?? 1 }, () => this.#start());
  }

  /** What each client was told whose user may not see whether the hider is online. */
  get told(): readonly (readonly Told[])[] {
    return this.#sockets.flatMap(({ user, sink }) =>
      this.#hider.unseeing.has(user) && "told" in sink ? [sink.told] : [],
    );
  }

  async apply(event: Event): Promise<void> {
    switch (event.kind) {
      case "connect":
        this.#connect(event.user, event.gateway ?? 0);
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
        if (event.user === hider && this.#hider.isComing) await this.#hider.comeBack();
        else this.#flip(event.user, event.feed);
        break;
      case "status":
        this.#changeStatus(event.user, event.status);
        break;
      case "policy":
        this.#say(event.user, event.patch);
        break;
      case "hide":
        await this.#hider.hide(event);
        break;
      case "show":
        await this.#hider.show();
        break;
      case "devices":
        this.#changeDevices(event.user);
        break;
      case "restart":
        this.#restart(event.gateway);
        break;
      case "forget":
        // A store that lost its data, and nobody knows: nothing is said of it, and versions begin below.
        if (this.#presence.isRecovering || event.user === hider) break;
        this.#forgotten.add(event.user);
        this.#hasGap = true;
        this.#presence.write(event.user, { ...this.#truthOf(event.user), online: false, version: 1, lastSeenMs: 0 });
        break;
      case "lose":
        if (this.#hider.isUntold) {
          this.#hider.tellPolicy();
          await this.#clock.advance(quietMs);
        }
        this.#lose(event.kept);
        break;
      case "recover":
        this.#recover();
        break;
      case "lag":
        if (event.isOver) this.#feed.readOn(event.partition);
        else this.#feed.lag(event.partition);
        break;
      case "gap":
        for (const { push } of this.#gateways) push.gap();
        break;
      case "look-again":
        for (const { push } of this.#gateways) push.recheckAll();
        break;
      case "outage":
        this.#dawdling.isAway[event.of] = !event.isOver;
        break;
      case "pass":
        await this.#clock.advance(event.ms);
        break;
    }
    this.#judge();
  }

  /** Everything comes to rest: outages are over, what is late arrives, and what was lost is noticed. */
  async settle(): Promise<void> {
    this.#dawdling.endOutages();
    this.#recover();
    for (const partition of partitions) this.#feed.readOn(partition);
    for (const { sink } of this.#sockets) {
      sink.isHeld = false;
      sink.release();
    }
    // Once before and once after: an answer that is under way may be older than what was lost.
    await this.apply({ kind: "pass", ms: 10_000 });
    // What the feed told, a loss included, needs no more than that.
    if (this.#hasGap) await this.apply({ kind: "gap" });
    for (let step = 0; step < 20; step++) await this.apply({ kind: "pass", ms: 1_000 });
  }

  /** @param isWhole everybody may be shown everyone: no limit stands in the way */
  judgeRest(isWhole: boolean): void {
    for (const { user, held, declined, isOpen } of this.#sockets) {
      if (!isOpen) continue;
      for (const other of people) {
        const shown = held.get(other);
        const truth = this.#truthOf(other);
        if (shown !== undefined) {
          assert.ok(this.#isVisible(user, other), `${user} still holds a dot of ${other}`);
          if (!declined.has(other)) assert.equal(shown.online, truth.online, `${user} holds a wrong dot of ${other}`);
        } else if (isWhole && !declined.has(other)) {
          assert.ok(!this.#isVisible(user, other), `${user} was never told of ${other}`);
        }
      }
    }
    this.judgeQueues();
  }

  judgeQueues(): void {
    for (const gateway of this.#gateways) {
      const open = this.#sockets.filter((socket) => socket.isOpen && socket.gateway === gateway).length;
      const { subscribers, unverified, busySockets, lookups, directoryQueries } = gateway.push.metrics;
      assert.deepEqual(
        { subscribers, unverified, busySockets, waiting: lookups.waiting, directoryQueries },
        { subscribers: open, unverified: 0, busySockets: 0, waiting: 0, directoryQueries: 0 },
      );
    }
  }

  /** Nothing is left of sockets that are gone. */
  end(): void {
    for (const { subscription } of this.#sockets) subscription.close();
    for (const { push } of this.#gateways) {
      const { subscribers, watchedUsers, interests } = push.metrics;
      assert.deepEqual({ subscribers, watchedUsers, interests }, { subscribers: 0, watchedUsers: 0, interests: 0 });
      push.close();
    }
  }

  #start(): Gateway {
    const gateway: Gateway = {
      push: this.#newPush((partition) => floorOf(gateway, partition)),
      read: this.#feed.ends(),
      floors: new Map(),
    };
    return gateway;
  }

  #newPush(floor: (partition: number | undefined) => number): PresencePush {
    const clock = this.#clock;
    return new PresencePush({
      directory: {
        visibleTo: (viewer, limit) =>
          this.#dawdling.ofDirectory(`visible to ${viewer}`, () => this.#directory.visibleTo(viewer, limit)),
        maySee: (viewer, users) =>
          this.#dawdling.ofDirectory(`may ${viewer} see ${users}`, () => this.#directory.maySee(viewer, users)),
      },
      lookup: (userIds) =>
        this.#dawdling.ofPresence(userIds, this.#options.world !== undefined, async () => ({
          dots: userIds.map((user) => this.#presence.stored(user)),
          recovering: this.#presence.isRecovering,
          dataSince: new Map([[0, this.#presence.dataSince]]),
          lastSeenRetentionMs: 0,
        })),
      policies: this.#policies,
      clock: withoutChance(clock),
      limits: { ...this.#options.limits, lookupMax: 3 },
      slowMs: 1_000_000,
      reconcileEveryMs: 0,
      isFeedListening: () => !this.#dawdling.isAway.presence,
      floorOf: (_shard, partition) => floor(partition),
      observeAge() {},
      nextTurn: (run) => clock.after(0, run),
      onDirectoryFailure() {},
    });
  }

  #connect(user: string, at: number): void {
    const gateway = this.#gateways[at % this.#gateways.length] as Gateway;
    const { world } = this.#options;
    const sink = world === undefined ? new RecordingSink() : new ClientSink(this.#sockets.length, this.#clock);
    const send = sink.send.bind(sink);
    const socket: Socket = {
      ...{ user, gateway, sink, held: new Map(), declined: new Set(), seen: 0, isOpen: true },
      subscription: gateway.push.connect(user, sink),
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

  /** It begins to read the feed now, and knows nothing. */
  #restart(index: number): void {
    const gateway = this.#gateways[index % this.#gateways.length] as Gateway;
    for (const socket of this.#sockets) if (socket.isOpen && socket.gateway === gateway) this.#leave(socket);
    gateway.push.close();
    gateway.floors = new Map();
    gateway.read = this.#feed.ends();
    gateway.push = this.#newPush((partition) => floorOf(gateway, partition));
  }

  async #relate(undated: Undated): Promise<void> {
    const change = { ...undated, at: this.#changes.length + 1 } as AudienceChange;
    this.#changes.push(change);
    this.#isVisible = visibilityAfter(this.#changes);
    this.#keepContacts(undated);
    this.#hider.relationsChanged();
    const affected = await this.#directory.apply({ changes: [change] });
    for (const { push } of this.#gateways) push.affected(affected);
  }

  #keepContacts(change: Undated): void {
    const { contacts } = this.#policies;
    if (change.kind === "contact-added") contacts.add(`${change.userId} ${change.contactId}`);
    if (change.kind === "contact-removed") contacts.delete(`${change.userId} ${change.contactId}`);
    if (change.kind === "blocked") contacts.delete(`${change.userId} ${change.blockedId}`);
  }

  #changeDevices(user: string): void {
    for (const { push } of this.#gateways) push.devicesChanged(user);
  }

  #say(user: string, patch: PolicyPatch): void {
    if (user === hider) {
      this.#hider.say(patch);
      return;
    }
    this.#policies.say(user, patch);
    this.#policyChanged(user);
  }

  #policyChanged(user: string): void {
    for (const { push } of this.#gateways) push.policiesChanged([user]);
  }

  /** All is quiet: what would be under way is one of many histories in either world. */
  async #rest(): Promise<void> {
    this.#dawdling.endOutages();
    for (const partition of partitions) this.#feed.readOn(partition);
    for (const { push } of this.#gateways) if (this.#hasGap) push.gap();
    await this.#clock.advance(restMs);
  }

  #flip(user: string, feed: "told" | "late" | "never"): void {
    if (feed === "never") this.#hasGap = true;
    if (user === hider && this.#hider.isSecret) {
      this.#hider.flipInSecret();
      return;
    }
    const truth = this.#truthOf(user);
    const version = this.#presence.nextVersion(user);
    const lastSeenMs = Math.floor(this.#clock.nowUs() / 1_000);
    // While the store recovers nobody goes offline: it waits for the user's other devices.
    if (truth.online && this.#presence.isRecovering) {
      this.#presence.becomes(user, { ...offlineLike(truth), version, lastSeenMs });
      return;
    }
    const next = truth.online
      ? { ...offlineLike(truth), lastSeenMs }
      : { online: true, status: statusSaying(true, truth.status), lastSeenMs: 0 };
    this.#presence.write(user, { ...next, version });
    const update = this.#presence.update(user, truth.online ? 0 : causes.connected);
    if (feed === "told") this.#feed.publish(update);
    if (feed === "late") this.#feed.publishLate(update);
  }

  #changeStatus(user: string, status: Partial<UserStatus>): void {
    if (this.#presence.isRecovering) return;
    const said = <T extends Pick<Truth, "online" | "status">>(of: T) => ({
      ...of,
      status: statusSaying(of.online, { ...of.status, ...status }),
    });
    if (user === hider && this.#hider.isSecret) {
      this.#hider.changeInSecret(said);
      return;
    }
    this.#presence.write(user, { ...said(this.#truthOf(user)), version: this.#presence.nextVersion(user) });
    this.#feed.publish(this.#presence.update(user, causes.status));
  }

  #lose(kept: Kept): void {
    if (kept === "nothing") this.#presence.lose(undefined);
    else this.#presence.lose((user) => (user === hider ? this.#hider.keptOf(kept) : (kept[user] ?? "all")));
  }

  /** All who are online are restated, then every partition is reset. */
  #recover(): void {
    const recovery = this.#presence.recover();
    if (recovery === undefined) return;
    for (const update of recovery.restated) this.#feed.publish(update);
    this.#feed.reset(recovery.begin);
  }

  #truthOf(user: string): Truth {
    return this.#presence.truthOf(user);
  }

  #judge(): void {
    if (this.#objection !== undefined) throw this.#objection;
    for (const socket of this.#sockets) this.#judgeSocket(socket);
  }

  #judgeSocket(socket: Socket): void {
    const { sink } = socket;
    if (!("frames" in sink)) return;
    for (; socket.seen < sink.frames.length; socket.seen++) {
      this.#judgeFrame(socket, sink.frames[socket.seen] as RecordedFrame);
    }
  }

  #judgeFrame({ user, held, isOpen }: Socket, frame: RecordedFrame): void {
    assert.ok(isOpen, `${user} was told something after the socket was closed`);
    if (frame.kind === "pong" || frame.kind === "stale") return;
    if (frame.kind === "hidden") {
      for (const hidden of frame.userIds) held.delete(hidden);
      return;
    }
    for (const dot of frame.dots) {
      const { userId, online, lastSeenMs } = dot;
      assert.ok(this.#isVisible(user, userId), `${user} was told of ${userId}, whom he may not see`);
      const before = held.get(userId);
      const version = stateVersion(dot);
      assert.ok(frame.version > (before?.version ?? 0), `${user} was told of ${userId} with version ${frame.version}`);
      const lastVersion = before?.stateVersion ?? 0;
      assert.ok(version >= lastVersion, `${user} was told version ${version} of ${userId} after ${lastVersion}`);
      this.#judgeGrey(userId, online, version);
      held.set(userId, { online, version: frame.version, stateVersion: version, lastSeenMs });
    }
  }

  /** P1, P8: whoever is shown to be offline was offline at that version, or is so now. */
  #judgeGrey(userId: string, online: boolean, version: number): void {
    if (online || this.#forgotten.has(userId) || !this.#truthOf(userId).online) return;
    const then = this.#presence.truthAt(userId, version);
    assert.ok(!then?.online, `${userId} was shown to be offline at ${version}, and was online, and is`);
  }
}
