import { plainStatus, type UserStatus } from "@realchat/presence-client";
import { FakeClock } from "@realchat/presence-runtime/testing";
import type { PolicyPatch } from "../../privacy/policy.ts";
import type { Dot } from "../dot.ts";
import { PresencePush, type PresencePushOptions } from "../presence-push.ts";
import type { Subscription } from "../push.ts";
import { RecordingSink } from "./recording-sink.ts";
import { TestPolicies } from "./test-policies.ts";

interface TestSocket extends Subscription {
  readonly sink: RecordingSink;
  /** What it was received since the last time, in short: `snapshot ann+ bob-`. */
  received(): string[];
}

/** Push with a directory and a presence that a test plays by hand. */
export class PushHarness {
  readonly clock = new FakeClock();
  readonly policies: TestPolicies;
  readonly push: PresencePush;
  /** Pairs that may see each other, as `ann bob`. */
  readonly visible = new Set<string>();
  readonly truth = new Map<string, Dot>();
  readonly ages: number[] = [];
  /** Users that presence was asked about, call by call. */
  readonly lookups: string[][] = [];
  /** Of these presence knows nothing. */
  readonly unknown = new Set<string>();
  isPresenceAway = false;
  isDirectoryAway = false;
  arePoliciesAway = false;
  policiesHold: Promise<void> | undefined;
  policyQuestions = 0;
  isRecovering = false;
  isFeedListening = true;
  /** By shard: since when presence's data go back. */
  readonly dataSince = new Map<number, number>();
  /** What the feed answers as floor: by `shard partition`, `shard undefined` for users of no known partition. */
  readonly floors = new Map<string, number>();
  /** While it is set, answers wait for it; they were made before. */
  presenceHolds: Promise<void> | undefined;
  directoryHolds: Promise<void> | undefined;
  #version = this.clock.nowUs();

  /** @param options.policies those of another gateway */
  constructor({ policies, ...options }: Partial<PresencePushOptions> & { readonly policies?: TestPolicies } = {}) {
    this.policies = policies ?? new TestPolicies(this.clock, (answer) => this.#answerOfPolicies(answer));
    this.push = new PresencePush({
      directory: {
        visibleTo: async (viewer, limit) => {
          const users = [...this.truth.keys()].filter((user) => this.#sees(viewer, user));
          await this.#answer("directory");
          return { users: users.slice(0, limit), more: users.length > limit };
        },
        maySee: async (viewer, users) => {
          const seen = new Set(users.filter((user) => this.#sees(viewer, user)));
          await this.#answer("directory");
          return seen;
        },
      },
      lookup: async (userIds) => {
        this.lookups.push([...userIds]);
        const known = userIds.filter((userId) => !this.unknown.has(userId));
        const dots = known.map((userId) => this.#answerOf(this.truth.get(userId) ?? this.dot(userId, false, 1)));
        await this.#answer("presence");
        return { dots, recovering: this.isRecovering, dataSince: this.dataSince, lastSeenRetentionMs: 0 };
      },
      policies: this.policies,
      clock: this.clock,
      limits: { interestMax: 3, watchedMax: 4, lookupMax: 100 },
      slowMs: 5_000,
      reconcileEveryMs: 0,
      isFeedListening: () => this.isFeedListening,
      floorOf: (shard, partition) => this.floors.get(`${shard} ${partition}`) ?? 0,
      observeAge: (age) => this.ages.push(age),
      onDirectoryFailure() {},
      ...options,
    });
  }

  /** They see each other, and are offline so far. */
  befriend(...users: string[]): void {
    for (const one of users) {
      if (!this.truth.has(one)) this.truth.set(one, this.dot(one, false, this.#version));
      for (const other of users) if (one !== other) this.visible.add(`${one} ${other}`);
    }
  }

  /** They no longer see each other; push is received so. */
  part(one: string, other: string): void {
    this.visible.delete(`${one} ${other}`);
    this.visible.delete(`${other} ${one}`);
    this.push.affected([{ users: [one], others: [other] }]);
  }

  /** The user comes or goes. @returns the update that the feed would tell */
  set(userId: string, online: boolean): Dot {
    this.#version += 1_000;
    const dot = this.dot(userId, online, this.#version);
    this.truth.set(userId, dot);
    return dot;
  }

  /** The user comes with a phone, or goes, and the feed tells. */
  tell(userId: string, online: boolean, partition?: number): void {
    const dot = this.set(userId, online);
    this.push.update(online ? { ...dot, cause: 1, deviceId: "phone" } : dot, partition);
  }

  /** The user comes with its first device, and the feed tells. */
  come(userId: string, deviceId: string): void {
    this.push.update({ ...this.set(userId, true), cause: 1, deviceId }, undefined);
  }

  /** The user's status changes alone, and the feed tells. */
  tellStatus(userId: string, status: Partial<UserStatus>): void {
    this.#version += 1_000;
    const before = this.truth.get(userId) ?? this.dot(userId, false, this.#version);
    const dot = { ...before, version: this.#version, status: { ...before.status, ...status } };
    this.truth.set(userId, dot);
    this.push.update({ ...dot, cause: 9 }, undefined);
  }

  /** The user says what others may see, and gateways hear of it. */
  say(userId: string, patch: PolicyPatch): void {
    this.policies.say(userId, patch);
    this.push.policiesChanged([userId]);
  }

  connect(userId: string, roles?: ReadonlySet<string>): TestSocket {
    const sink = new RecordingSink();
    const subscription = this.push.connect(userId, sink, roles);
    let read = 0;
    const received = () => {
      const all = sink.received();
      const news = all.slice(read);
      read = all.length;
      return news;
    };
    return Object.assign(subscription, { sink, received });
  }

  /** Everything that can happen without time passing has happened. */
  async settle(): Promise<void> {
    for (let round = 0; round < 5; round++) await this.clock.advance(0);
  }

  dot(userId: string, online: boolean, version: number): Dot {
    const lastSeenMs = online ? 0 : Math.floor(version / 1000);
    return {
      userId,
      online,
      version,
      lastSeenMs,
      cause: 0,
      deviceId: "",
      atUs: 0,
      status: plainStatus(online),
      shard: 0,
      devices: undefined,
    };
  }

  /** Presence knows of devices what no event told. */
  #answerOf(dot: Dot): Dot {
    return { ...dot, devices: dot.devices ?? (dot.online ? ["phone"] : []) };
  }

  #sees(viewer: string, user: string): boolean {
    return this.visible.has(`${viewer} ${user}`);
  }

  async #answerOfPolicies<T>(answer: () => T): Promise<T> {
    this.policyQuestions++;
    await this.policiesHold;
    if (this.arePoliciesAway) throw new Error("policies are away");
    return answer();
  }

  async #answer(who: "presence" | "directory"): Promise<void> {
    const isAway = who === "presence" ? this.isPresenceAway : this.isDirectoryAway;
    await (who === "presence" ? this.presenceHolds : this.directoryHolds);
    if (isAway) throw new Error(`${who} is away`);
  }
}
