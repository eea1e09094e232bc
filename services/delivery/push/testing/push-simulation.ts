import assert from "node:assert/strict";
import { plainStatus, type UserStatus } from "@realchat/presence-client";
import type { Clock } from "@realchat/presence-runtime/clock";
import type { FakeClock } from "@realchat/presence-runtime/testing";
import type { AudienceChange } from "../../audience/directory.ts";
import { MemoryDirectory } from "../../audience/memory/memory-directory.ts";
import { visibilityAfter } from "../../audience/testing/oracle.ts";
import type { PresenceUpdate } from "../../feed/feed.ts";
import type { PolicyPatch } from "../../privacy/policy.ts";
import type { Dot } from "../dot.ts";
import { PresencePush } from "../presence-push.ts";
import type { Subscription } from "../push.ts";
import { ClientSink, type Told } from "./client-sink.ts";
import { type RecordedFrame, RecordingSink } from "./recording-sink.ts";
import { stateVersion } from "./state-version.ts";
import { type PolicyQuestion, TestPolicies } from "./test-policies.ts";

export const people = ["ann", "bob", "cleo", "dan", "eve"];

type Undated = AudienceChange extends infer Change ? (Change extends unknown ? Omit<Change, "at"> : never) : never;

/** What happens around push. */
export type Event =
  | { readonly kind: "connect"; readonly user: string; readonly gateway?: number }
  | { readonly kind: "leave" | "hold" | "release"; readonly socket: number }
  | { readonly kind: "subscribe" | "unsubscribe"; readonly socket: number; readonly users: readonly string[] }
  | { readonly kind: "relation"; readonly change: Undated }
  /** `told`: by the feed, `late`: when more has happened, `never`: lost, and noticed at the end. */
  | { readonly kind: "flip"; readonly user: string; readonly feed: "told" | "late" | "never" }
  | { readonly kind: "status"; readonly user: string; readonly status: Partial<UserStatus> }
  | { readonly kind: "policy"; readonly user: string; readonly patch: PolicyPatch }
  /**
   * The hider hides; in the other world it logs out at that moment, and stays away.
   * `late`: gateways are told at the end, or when the store loses data, if the hider was never here, and nothing is to be asked
   * of pairs when they find it
   */
  | { readonly kind: "hide"; readonly how: "invisible" | Restriction; readonly late: boolean }
  /** Who is invisible is so no more; in the other world it comes back at that moment, or when it is online next. */
  | { readonly kind: "show" }
  /** Another device of the user came or went. */
  | { readonly kind: "devices"; readonly user: string }
  | { readonly kind: "restart"; readonly gateway: number }
  | { readonly kind: "forget"; readonly user: string }
  /** The store loses data: all, or of each user the record, or what was written since an earlier state of it, or nothing. */
  | { readonly kind: "lose"; readonly kept: Kept }
  /** The store has recovered: it restates who is online, and the feed is told. Does nothing if it does not recover. */
  | { readonly kind: "recover" }
  /** A reader of the feed lags, and reads on; what was late is written then. */
  | { readonly kind: "lag"; readonly partition: number; readonly isOver: boolean }
  | { readonly kind: "gap" | "look-again" }
  | { readonly kind: "outage"; readonly of: "presence" | "directory" | "policies"; readonly isOver: boolean }
  | { readonly kind: "pass"; readonly ms: number };

/** What of a policy hides its user from some, or from everybody. */
type Restriction = Pick<PolicyPatch, "online" | "show" | "hide">;

type Kept = "nothing" | Readonly<Record<string, "nothing" | "older" | "all">>;

/** Who hides from everybody else. */
export const hider = "eve";

/** Whether the hider hides, or logs out instead and stays away. */
export type World = "hides" | "leaves";

interface SimulationOptions {
  readonly limits: { readonly interestMax: number; readonly watchedMax: number };
  /** Default: one. */
  readonly gateways?: number;
  readonly world?: World;
}

interface Gateway {
  push: PresencePush;
  /** By partition: how far it has read, and the floors that it read. */
  read: number[];
  floors: Map<number, number>;
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

interface Truth {
  readonly online: boolean;
  readonly version: number;
  readonly lastSeenMs: number;
  readonly status: UserStatus;
}

/** What a partition of the feed has, in order. */
type Entry =
  | { readonly kind: "update"; readonly update: PresenceUpdate }
  | { readonly kind: "reset"; readonly begin: number };

const partitions = [0, 1];
/** How far beyond all that is known a shard begins anew. */
const leadUs = 10_000;
const causes = { connected: 1, loggedOut: 3, restated: 6, status: 9 } as const;
const device = "phone";
/** How long it takes to read policies, or to see where they end; and between two worlds at most to look up users, ms. */
const readMs = 5;
const lookUpMaxMs = 15;
/** Within this all that is asked is answered, ms; and all that failed before, and waits to be asked again. */
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
  readonly #gateways: Gateway[];
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
  /** While it recovers: the version at which it began anew. */
  #begin: number | undefined;
  /** The version at which it began anew last, and last with nothing. */
  #lastBegin = 0;
  #dataSince = 0;
  readonly #sockets: Socket[] = [];
  readonly #late: PresenceUpdate[] = [];
  readonly #isAway = { presence: false, directory: false, policies: false };
  /** How often each question was asked. */
  readonly #asked = new Map<string, number>();
  readonly #seed: number;
  /** The feed missed something, and knows. */
  #hasGap = false;
  /** `ending`: it is visible again, and has yet to come online. */
  #hiding: "not" | "invisible" | "ending" | Restriction = "not";
  /** Those who could not see since it hid whether the hider is online. */
  readonly #unseeing = new Set(people.filter((user) => user !== hider));
  #hasHidden = false;
  /** What is true of the hider in its own world, while it is away in the other. */
  #secret: Pick<Truth, "online" | "status"> = { online: false, status: plainStatus(false) };
  #isUntold = false;
  #objection: unknown;
  #isVisible = visibilityAfter([]);

  constructor(clock: FakeClock, options: SimulationOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#seed = clock.random();
    this.#directory = new MemoryDirectory({}, clock);
    this.#policies = new TestPolicies(clock, (answer, question) => this.#answerOfPolicies(answer, question));
    const nowUs = clock.nowUs();
    for (const user of people) {
      this.#write(user, { online: false, version: nowUs, lastSeenMs: 0, status: plainStatus(false) });
    }
    this.#gateways = Array.from({ length: options.gateways ?? 1 }, () => this.#start());
  }

  /** What each client was told whose user may not see whether the hider is online. */
  get told(): readonly (readonly Told[])[] {
    return this.#sockets.flatMap(({ user, sink }) => (this.#unseeing.has(user) && "told" in sink ? [sink.told] : []));
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
        if (event.user === hider && this.#hiding === "ending") await this.#comeBack();
        else this.#flip(event.user, event.feed);
        break;
      case "status":
        this.#changeStatus(event.user, event.status);
        break;
      case "policy":
        this.#say(event.user, event.patch);
        break;
      case "hide":
        await this.#hide(event);
        break;
      case "show":
        await this.#show();
        break;
      case "devices":
        this.#changeDevices(event.user);
        break;
      case "restart":
        this.#restart(event.gateway);
        break;
      case "forget":
        // A store that lost its data, and nobody knows: nothing is said of it, and versions begin below.
        if (this.#begin !== undefined || event.user === hider) break;
        this.#forgotten.add(event.user);
        this.#hasGap = true;
        this.#write(event.user, { ...this.#truthOf(event.user), online: false, version: 1, lastSeenMs: 0 });
        break;
      case "lose":
        if (this.#isUntold) {
          this.#tellPolicy(hider);
          await this.#clock.advance(quietMs);
        }
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
        for (const { push } of this.#gateways) push.gap();
        break;
      case "look-again":
        for (const { push } of this.#gateways) push.recheckAll();
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
    this.#endOutages();
    this.#recover();
    for (const partition of partitions) this.#readOn(partition);
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
      push: this.#newPush((partition) => this.#floorOf(gateway, partition)),
      read: [],
      floors: new Map(),
    };
    gateway.read = this.#logs.map(({ length }) => length);
    return gateway;
  }

  #newPush(floorOf: (partition: number | undefined) => number): PresencePush {
    const clock = this.#clock;
    return new PresencePush({
      directory: {
        visibleTo: (viewer, limit) =>
          this.#delay("directory", `visible to ${viewer}`, () => this.#directory.visibleTo(viewer, limit)),
        maySee: (viewer, users) =>
          this.#delay("directory", `may ${viewer} see ${users}`, () => this.#directory.maySee(viewer, users)),
      },
      lookup: (userIds) =>
        this.#lookUp(userIds, async () => ({
          dots: userIds.map((user) => this.#stored(user)),
          recovering: this.#begin !== undefined,
          dataSince: new Map([[0, this.#dataSince]]),
          lastSeenRetentionMs: 0,
        })),
      policies: this.#policies,
      clock: withoutChance(clock),
      limits: { ...this.#options.limits, lookupMax: 3 },
      slowMs: 1_000_000,
      reconcileEveryMs: 0,
      isFeedListening: () => !this.#isAway.presence,
      floorOf: (_shard, partition) => floorOf(partition),
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
    gateway.read = this.#logs.map(({ length }) => length);
    gateway.push = this.#newPush((partition) => this.#floorOf(gateway, partition));
  }

  async #relate(undated: Undated): Promise<void> {
    const change = { ...undated, at: this.#changes.length + 1 } as AudienceChange;
    this.#changes.push(change);
    this.#isVisible = visibilityAfter(this.#changes);
    this.#keepContacts(undated);
    this.#keepUnseeing();
    const affected = await this.#directory.apply({ changes: [change] });
    for (const { push } of this.#gateways) push.affected(affected);
  }

  /** Who sees the hider goes and comes with it, and is told of two worlds. */
  #keepUnseeing(): void {
    if (typeof this.#hiding !== "object") return;
    const { online = "audience", show = new Set(), hide = new Set() } = this.#hiding;
    const { contacts } = this.#policies;
    for (const user of this.#unseeing) {
      const isInClass = online === "audience" || (online === "contacts" && contacts.has(`${hider} ${user}`));
      if (!hide.has(user) && (show.has(user) || isInClass)) this.#unseeing.delete(user);
    }
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

  /** Who hides from some goes on doing so: what follows when it does not is another history. */
  #say(user: string, patch: PolicyPatch): void {
    if (user === hider && this.#isUntold) return;
    const kept = user === hider && typeof this.#hiding === "object" ? this.#hiding : {};
    this.#policies.say(user, { ...patch, ...kept });
    this.#tellPolicy(user);
  }

  #tellPolicy(user: string): void {
    if (user === hider) this.#isUntold = false;
    for (const { push } of this.#gateways) push.policiesChanged([user]);
  }

  /** Whether what the hider does now is for its own world alone. */
  #isSecret(user: string): boolean {
    return user === hider && this.#hiding !== "not" && this.#options.world === "leaves";
  }

  async #hide({ how, late }: Extract<Event, { kind: "hide" }>): Promise<void> {
    const { world } = this.#options;
    if (this.#hiding !== "not" || this.#begin !== undefined || world === undefined) return;
    await this.#rest();
    this.#hiding = how;
    this.#hasHidden = true;
    const { online, lastSeenMs, status } = this.#truthOf(hider);
    this.#secret = { online, status };
    const patch = how !== "invisible" ? how : world === "hides" ? { invisible: true } : {};
    this.#policies.say(hider, patch);
    this.#keepUnseeing();
    const asksForPairs = how !== "invisible" && how.online === "contacts";
    this.#isUntold = late && !asksForPairs && !online && lastSeenMs === 0 && status === plainStatus(false);
    if (!this.#isUntold) this.#tellPolicy(hider);
    if (world === "leaves" && online) this.#logOut();
    await this.#clock.advance(quietMs);
  }

  async #show(): Promise<void> {
    const { world } = this.#options;
    if (this.#hiding !== "invisible" || this.#begin !== undefined || this.#isUntold) return;
    await this.#rest();
    this.#hiding = "ending";
    this.#policies.say(hider, world === "hides" ? { invisible: false } : {});
    this.#tellPolicy(hider);
    if (world === "leaves" ? this.#secret.online : this.#truthOf(hider).online) {
      this.#hiding = "not";
      if (world === "leaves") this.#comeAsOf(this.#secret);
    }
    await this.#clock.advance(quietMs);
  }

  /** Who was visible again comes online. */
  async #comeBack(): Promise<void> {
    await this.#rest();
    this.#hiding = "not";
    const { status } = this.#options.world === "leaves" ? this.#secret : this.#truthOf(hider);
    this.#comeAsOf({ status: statusSaying(true, status) });
    await this.#clock.advance(quietMs);
  }

  #comeAsOf({ status }: Pick<Truth, "status">): void {
    this.#write(hider, { online: true, status, lastSeenMs: 0, version: this.#nextVersion(hider) });
    this.#publish(this.#update(hider, causes.connected));
  }

  /** All is quiet: what would be under way is one of many histories in either world. */
  async #rest(): Promise<void> {
    this.#endOutages();
    for (const partition of partitions) this.#readOn(partition);
    for (const { push } of this.#gateways) if (this.#hasGap) push.gap();
    await this.#clock.advance(restMs);
  }

  #logOut(): void {
    const lastSeenMs = Math.floor(this.#clock.nowUs() / 1_000);
    this.#write(hider, { ...offlineLike(this.#truthOf(hider)), version: this.#nextVersion(hider), lastSeenMs });
    this.#publish(this.#update(hider, causes.loggedOut));
  }

  #flip(user: string, feed: "told" | "late" | "never"): void {
    if (feed === "never") this.#hasGap = true;
    if (this.#isSecret(user)) {
      const { online, status } = this.#secret;
      this.#secret = { online: !online, status: statusSaying(!online, status) };
      return;
    }
    const truth = this.#truthOf(user);
    const version = this.#nextVersion(user);
    const lastSeenMs = Math.floor(this.#clock.nowUs() / 1_000);
    // While the store recovers nobody goes offline: it waits for the user's other devices.
    if (truth.online && this.#begin !== undefined) {
      this.#set(user, { ...offlineLike(truth), version, lastSeenMs });
      return;
    }
    const next = truth.online
      ? { ...offlineLike(truth), lastSeenMs }
      : { online: true, status: statusSaying(true, truth.status), lastSeenMs: 0 };
    this.#write(user, { ...next, version });
    const update = this.#update(user, truth.online ? 0 : causes.connected);
    if (feed === "told") this.#publish(update);
    if (feed === "late") this.#late.push(update);
  }

  #changeStatus(user: string, status: Partial<UserStatus>): void {
    if (this.#begin !== undefined) return;
    const said = <T extends Pick<Truth, "online" | "status">>(of: T) => ({
      ...of,
      status: statusSaying(of.online, { ...of.status, ...status }),
    });
    if (this.#isSecret(user)) {
      this.#secret = said(this.#secret);
      return;
    }
    this.#write(user, { ...said(this.#truthOf(user)), version: this.#nextVersion(user) });
    this.#publish(this.#update(user, causes.status));
  }

  #lose(kept: Kept): void {
    if (this.#isUntold) this.#tellPolicy(hider);
    this.#lastBegin = Math.max(this.#clock.nowUs(), this.#lastBegin) + leadUs;
    this.#begin = this.#lastBegin;
    if (kept === "nothing") this.#dataSince = this.#begin;
    for (const user of people) {
      const older = this.#olderRecords.get(user);
      // Of one who is away the store keeps what it has, unless it loses all: that is a history, too.
      const isAway = this.#isSecret(user) || (user === hider && this.#hiding === "ending");
      // An older state of the hider's would be another one in the other world.
      const isOther = user === hider && kept !== "nothing" && kept[user] === "older" && this.#hasHidden;
      const keeps = kept === "nothing" ? kept : isAway || isOther ? "all" : kept[user];
      if (keeps === "nothing" || (keeps === "older" && older === undefined)) this.#records.delete(user);
      else if (keeps === "older") this.#records.set(user, older as Truth);
    }
  }

  /** Gateways have registered again who is online; all of them are restated, then every partition is reset. */
  #recover(): void {
    const begin = this.#begin;
    if (begin === undefined) return;
    this.#begin = undefined;
    for (const user of people) {
      const record = this.#records.get(user);
      const { online, lastSeenMs, status } = this.#truthOf(user);
      if (!online && !record?.online) continue;
      if (online && record?.online && record.version > begin) continue;
      this.#records.set(user, { online, version: this.#nextVersion(user), lastSeenMs, status });
      this.#publish({ ...this.#update(user, online ? causes.restated : 0), ...this.#records.get(user) });
    }
    for (const partition of partitions) this.#append(partition, { kind: "reset", begin });
  }

  #endOutages(): void {
    for (const part of ["presence", "directory", "policies"] as const) this.#isAway[part] = false;
  }

  #publish(update: PresenceUpdate): void {
    this.#append(partitionOf(update.userId), { kind: "update", update });
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
    for (const update of late) {
      this.#late.splice(this.#late.indexOf(update), 1);
      this.#publish(update);
    }
  }

  #read(partition: number): void {
    for (const gateway of this.#gateways) this.#readAt(gateway, partition);
  }

  /** As the feed does: it keeps floors, and leaves out what is below. */
  #readAt(gateway: Gateway, partition: number): void {
    const log = this.#logs[partition] ?? [];
    const from = gateway.read[partition] ?? 0;
    gateway.read[partition] = log.length;
    for (const entry of log.slice(from)) {
      if (entry.kind === "update") {
        if (entry.update.version >= this.#floorOf(gateway, partition)) gateway.push.update(entry.update, partition);
      } else {
        gateway.floors.set(partition, entry.begin);
        gateway.push.reset(0);
      }
    }
  }

  #floorOf({ floors }: Gateway, partition: number | undefined): number {
    if (partition !== undefined) return floors.get(partition) ?? 0;
    return Math.min(...partitions.map((each) => floors.get(each) ?? 0));
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

  /** Also where the store forgot a change, the next one comes later than within the same microsecond. */
  #nextVersion(user: string): number {
    const last = Math.max(this.#truthOf(user).version, this.#records.get(user)?.version ?? 0, this.#lastBegin);
    const given = new Set(this.#history.get(user)?.map(({ version }) => version));
    let version = Math.max(last + 1, this.#clock.nowUs());
    while (given.has(version)) version++;
    return version;
  }

  /** What the store says. */
  #stored(userId: string): Dot {
    const record = this.#records.get(userId) ?? this.#absent();
    return { userId, ...record, cause: 0, deviceId: "", atUs: 0, shard: 0, devices: record.online ? [device] : [] };
  }

  #absent(): Truth {
    const version = Math.max(this.#clock.nowUs(), this.#lastBegin);
    return { online: false, version, lastSeenMs: 0, status: plainStatus(false) };
  }

  #update(userId: string, cause: number): PresenceUpdate {
    const deviceId = cause === causes.status || cause === 0 ? "" : device;
    return { userId, ...this.#truthOf(userId), cause, deviceId, shard: 0 };
  }

  #lookUp<T>(userIds: readonly string[], answer: () => Promise<T>): Promise<T> {
    const question = `where are ${userIds}`;
    const isOneOfTwo = this.#options.world !== undefined;
    return this.#answer("presence", () => (isOneOfTwo ? this.#lookUpMs(userIds) : this.#delayMs(question)), answer);
  }

  #delay<T>(who: "presence" | "directory", question: string, answer: () => Promise<T>): Promise<T> {
    return this.#answer(who, () => this.#delayMs(question), answer);
  }

  /** Answers after a while, with what was true at some moment in between. */
  async #answer<T>(who: "presence" | "directory", delayMs: () => number, answer: () => Promise<T>): Promise<T> {
    await this.#wait(delayMs());
    if (this.#isAway[who]) throw new Error(`${who} is away`);
    const answered = await answer();
    await this.#wait(delayMs());
    return answered;
  }

  /** Reads take as long for one user as for many, and what is stored is stored at once: the other world waits for neither. */
  async #answerOfPolicies<T>(answer: () => T, question: PolicyQuestion): Promise<T> {
    if (question === "read") await this.#wait(readMs);
    if (this.#isAway.policies) throw new Error("policies are away");
    return answer();
  }

  /** As long as for the user for whom it takes longest. */
  #lookUpMs(userIds: readonly string[]): number {
    return Math.max(...userIds.map((user) => Math.round(lookUpMaxMs * fractionOf(`${this.#seed} ${user}`))));
  }

  #wait(ms: number): Promise<void> {
    return ms === 0 ? Promise.resolve() : new Promise((resolve) => this.#clock.after(ms, resolve));
  }

  #delayMs(question: string): number {
    const times = (this.#asked.get(question) ?? 0) + 1;
    this.#asked.set(question, times);
    const fraction = fractionOf(`${this.#seed} ${question} ${times}`);
    return fraction < 0.3 ? 0 : Math.round(fraction * 40);
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
    const then = (this.#history.get(userId) ?? []).findLast((truth) => truth.version <= version);
    assert.ok(!then?.online, `${userId} was shown to be offline at ${version}, and was online, and is`);
  }
}

function partitionOf(user: string): number {
  return people.indexOf(user) % partitions.length;
}

function offlineLike({ status }: Truth): Pick<Truth, "online" | "status"> {
  return { online: false, status: statusSaying(false, status) };
}

/** What presence tells where somebody says no more than that. */
function statusSaying(online: boolean, { text, emoji }: Pick<UserStatus, "text" | "emoji">): UserStatus {
  return text === "" && emoji === "" ? plainStatus(online) : { ...plainStatus(online), text, emoji };
}

/** The clock of a gateway. Pauses after failures are no question of chance, or one call more would change all others. */
function withoutChance(clock: FakeClock): Clock {
  return {
    nowUs: () => clock.nowUs(),
    monotonicMs: () => clock.monotonicMs(),
    uptimeMs: () => clock.uptimeMs(),
    after: (delayMs, run) => clock.after(delayMs, run),
    every: (periodMs, run) => clock.every(periodMs, run),
    random: () => 0.5,
  };
}

/** @returns from 0 to 1: FNV-1a */
function fractionOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
