import assert from "node:assert/strict";
import { transitionsIn } from "../../../domain/log-entry.ts";
import type { Rules } from "../../../domain/rules.ts";
import { shardOf } from "../../../domain/shard.ts";
import { plainStatus, type UserStatus } from "../../../domain/status.ts";
import type { Transition } from "../../../domain/transition.ts";
import type { LossyHarness, StoreHarness } from "../../contract/store-harness.ts";
import type { RefreshResult } from "../../store.ts";
import { inWords } from "../model/claims.ts";
import { anyInstance, type ModelTransition, type PresenceModel } from "../model/presence-model.ts";
import { PromiseChecker } from "./promise-checker.ts";

/** A store that takes part in runs, and how much its clock may be off from the model's, ms. */
export interface Subject {
  readonly name: string;
  readonly harness: StoreHarness | LossyHarness;
  readonly slackMs: number;
}

/** The machine held a store up for longer than its slack: the run says nothing and is to be repeated. */
export class HeldUp extends Error {
  override readonly name = "HeldUp";
}

/** A store in a run: the session_ids that it gave out, by the number of the session, and what was read of its log. */
export class Player {
  readonly name: string;
  readonly harness: StoreHarness;
  readonly checker: PromiseChecker;
  readonly sessionIds: string[] = [];
  readonly #slackMs: number;
  readonly #enteredAtMs: number;
  /** Shards that lost data since: what was read of their logs may be gone. */
  readonly #astray = new Set<number>();
  /** By shard. */
  readonly #positions: number[];

  static async enter(subject: Subject, rules: Rules): Promise<Player> {
    const { store } = subject.harness;
    await subject.harness.elapse(1);
    const shards = Array.from({ length: store.shardCount }, (_, shard) => shard);
    const positions = await Promise.all(shards.map((shard) => store.lastVersion(shard)));
    const { clockMs } = await store.tick(0, 0);
    return new Player(subject, rules, clockMs, positions);
  }

  private constructor({ name, harness, slackMs }: Subject, rules: Rules, enteredAtMs: number, positions: number[]) {
    this.name = name;
    this.harness = harness;
    this.checker = new PromiseChecker(rules, slackMs);
    this.#slackMs = slackMs;
    this.#enteredAtMs = enteredAtMs;
    this.#positions = positions;
  }

  get lossy(): LossyHarness {
    const { harness } = this;
    assert(isLossy(harness), `${this.name} loses nothing`);
    return harness;
  }

  /** It may have lost data. */
  lost(nowMs: number): void {
    this.checker.lost(nowMs);
    for (const shard of this.#positions.keys()) this.#astray.add(shard);
  }

  refresh(session: {
    userId: string;
    deviceId: string;
    sessionId: string;
    leaseId: string;
  }): Promise<RefreshResult["kind"]> {
    return new Promise((resolve, reject) => {
      const reply = (result: RefreshResult) => (result.kind === "failed" ? reject(result.error) : resolve(result.kind));
      this.harness.store.refresh(session, reply, 0);
    });
  }

  /** Views, and transitions since the last comparison. */
  async compare(userIds: readonly string[], model: PresenceModel, expected: readonly ModelTransition[]): Promise<void> {
    const { store } = this.harness;
    const views = await store.users(userIds);
    for (const userId of userIds) {
      assert.equal(store.isRecovering(shardOf(userId, store.shardCount)), model.isRecovering, "whether it recovers");
    }
    const transitions = (await this.#news()).filter(({ userId }) => userIds.includes(userId));
    for (const transition of transitions) this.checker.transition(transition, model.nowMs);
    for (const view of views) {
      const { userId, online } = view;
      const told = transitions.filter((transition) => transition.userId === userId).map(untimed);
      const wanted = expected.filter((transition) => transition.userId === userId);
      assert.deepEqual(knownAs(wanted, told), wanted);
      const devices = view.devices.map(({ deviceId, instanceId }) => ({ deviceId, instanceId }));
      const user = model.user(userId);
      const status = shown(view.status ?? plainStatus(online));
      assert.deepEqual({ online, devices: knownAs(user.devices, devices), status }, user);
      this.checker.seen(view, model.nowMs);
    }
  }

  /** @throws HeldUp when this store's clock is so late that it may differ from the model rightfully */
  async checkPunctual(nowMs: number): Promise<void> {
    const { clockMs } = await this.harness.store.tick(0, 0);
    const lateMs = clockMs - this.#enteredAtMs - nowMs;
    if (lateMs > this.#slackMs) throw new HeldUp(`${this.name} is ${lateMs} ms late`);
  }

  async #news(): Promise<Transition[]> {
    const { store } = this.harness;
    const news: Transition[] = [];
    for (const [shard, position] of this.#positions.entries()) {
      const { entries, gap } = await store.readLog(shard, position, 1_000);
      assert(!gap || this.#astray.has(shard), "the log has no gap");
      this.#positions[shard] = entries.at(-1)?.version ?? position;
      if (entries.length > 0) this.#astray.delete(shard);
      news.push(...transitionsIn(entries));
    }
    return news;
  }
}

function isLossy(harness: StoreHarness | LossyHarness): harness is LossyHarness {
  return "flush" in harness;
}

function untimed({ userId, online, cause, deviceId, instanceId, status }: Transition): ModelTransition {
  return { userId, online, cause, deviceId, instanceId, status: shown(status ?? plainStatus(online)) };
}

function shown({ availability, text, untilMs, idleSinceMs }: UserStatus): string {
  return inWords({ availability, text, endsAtMs: untilMs || undefined, isIdle: idleSinceMs > 0 });
}

/** What was found, without the gateways that need not be known. */
function knownAs<Found extends { readonly instanceId: string }>(
  wanted: readonly { readonly instanceId: string }[],
  found: readonly Found[],
): Found[] {
  return found.map((item, index) =>
    wanted[index]?.instanceId === anyInstance ? { ...item, instanceId: anyInstance } : item,
  );
}
