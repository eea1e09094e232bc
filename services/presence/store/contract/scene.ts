import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { type LogEntry, transitionsIn } from "../../domain/log-entry.ts";
import { shardOf } from "../../domain/shard.ts";
import type { Transition } from "../../domain/transition.ts";
import type {
  Heartbeat,
  PresenceStore,
  RefreshResult,
  RegisterResult,
  Registration,
  SessionEnding,
  UnregisterResult,
  UserView,
} from "../store.ts";
import { contractOptions, type OpenStore, type StoreHarness, type StoreOptions } from "./store-harness.ts";

/** A test on a store of its own. What it does not name is Anna's phone on gateway-1. */
export function scene(
  open: OpenStore,
  sentence: string,
  play: (scene: Scene) => Promise<void>,
  options: Partial<StoreOptions> = {},
): void {
  test(sentence, async (context: TestContext) => {
    const harness = await open({ ...contractOptions, ...options });
    context.after(() => harness.close());
    await play(new Scene(harness));
  });
}

export class Scene {
  readonly harness: StoreHarness;
  readonly store: PresenceStore;

  constructor(harness: StoreHarness) {
    this.harness = harness;
    this.store = harness.store;
  }

  elapse(ms: number): Promise<void> {
    return this.harness.elapse(ms);
  }

  freeze(ms: number): Promise<void> {
    return this.harness.freeze(ms);
  }

  /** Every shard of the store. */
  get shards(): number[] {
    return Array.from({ length: this.store.shardCount }, (_, shard) => shard);
  }

  shardOf(userId: string): number {
    return shardOf(userId, this.store.shardCount);
  }

  register(registration: Partial<Registration> = {}): Promise<RegisterResult> {
    return this.store.register({
      userId: "anna",
      deviceId: "phone",
      instanceId: "gateway-1",
      connectionId: "",
      previousSessionId: "",
      ...registration,
    });
  }

  /** Registers, which must succeed. @returns session_id */
  async session(registration: Partial<Registration> = {}): Promise<string> {
    const result = await this.register(registration);
    assert(result.kind === "registered", `expected a new session, got ${result.kind}`);
    return result.sessionId;
  }

  async unregister(ending: Partial<SessionEnding> = {}): Promise<UnregisterResult["kind"]> {
    const defaults = { userId: "anna", deviceId: "phone", sessionId: "", reason: "UNSPECIFIED" } as const;
    return (await this.store.unregister({ ...defaults, ...ending })).kind;
  }

  refresh(session: Partial<Heartbeat> = {}): Promise<RefreshResult["kind"]> {
    return new Promise((resolve, reject) => {
      const ref = { userId: "anna", deviceId: "phone", sessionId: "", ...session };
      this.store.refresh(ref, (result) => (result.kind === "failed" ? reject(result.error) : resolve(result.kind)), 0);
    });
  }

  async user(userId = "anna"): Promise<UserView> {
    const [view] = await this.store.users([userId]);
    assert(view !== undefined);
    return view;
  }

  /** Ids of the devices listed. */
  async devices(userId = "anna"): Promise<string[]> {
    return (await this.user(userId)).devices.map(({ deviceId }) => deviceId);
  }

  /** What the log says of a user, oldest first. */
  async transitions(userId = "anna"): Promise<Transition[]> {
    const transitions = await this.log(this.shardOf(userId));
    return transitions.filter((transition) => transition.userId === userId);
  }

  /** The causes of a user's transitions, oldest first. */
  async causes(userId = "anna"): Promise<string[]> {
    return (await this.transitions(userId)).map(({ cause }) => cause);
  }

  /** The transitions in a shard's log, oldest first. */
  async log(shard: number): Promise<Transition[]> {
    return transitionsIn(await this.entries(shard));
  }

  async entries(shard: number): Promise<LogEntry[]> {
    return (await this.store.readLog(shard, 0, 100_000)).entries;
  }

  /** Ids of users of one shard. */
  usersOf(shard: number, count: number): string[] {
    const userIds: string[] = [];
    for (let index = 0; userIds.length < count; index++) {
      const userId = `user-${index}`;
      if (this.shardOf(userId) === shard) userIds.push(userId);
    }
    return userIds;
  }
}

/** Waits for what a store does in its own time. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + 30_000;
  while (!holds()) {
    assert(systemClock.monotonicMs() < deadlineMs, `not within 30 s: ${what}`);
    await pause(systemClock, 2);
  }
}

export function assertNear(actual: number, expected: number, toleranceMs: number, what: string): void {
  assert(Math.abs(actual - expected) <= toleranceMs, `${what}: ${actual} is not within ${toleranceMs} of ${expected}`);
}
