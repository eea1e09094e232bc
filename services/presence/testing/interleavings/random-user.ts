import assert from "node:assert/strict";
import type { Rules } from "../../domain/rules.ts";
import type { Transition } from "../../domain/transition.ts";
import type { UserView } from "../../store/store.ts";
import type { Round } from "./device.ts";
import { LegacyDevice } from "./legacy-device.ts";
import type { Nodes } from "./nodes.ts";
import { type Random, seededRandom } from "./random.ts";
import { TokenDevice } from "./token-device.ts";

/**
 * One user in a run of random calls. Checks the store from outside, by calls, answers, log and views: the promises hold
 * in whatever order the overlapping calls of a round were executed.
 */
export class RandomUser {
  readonly userId: string;
  readonly #devices: readonly (TokenDevice | LegacyDevice)[];
  readonly #random: Random;
  #last: Transition | undefined;

  /** @param seed decides which calls are made, not in which order they are executed */
  constructor(userId: string, seed: number, rules: Rules) {
    this.userId = userId;
    this.#random = seededRandom(seed);
    const all = [
      new TokenDevice(userId, "phone", "fight", rules),
      new LegacyDevice(userId, "laptop", rules),
      new TokenDevice(userId, "tablet", "steady", rules),
    ];
    // Each alone, any two, or all three.
    const chosen = 1 + this.#random.below(7);
    this.#devices = all.filter((_, index) => (chosen >> index) & 1);
  }

  /** Starts this round's calls. */
  begin(nodes: Nodes): Promise<void>[] {
    // Now and then the user has a round without calls, or all sessions would stay alive.
    if (this.#random.chance(0.2)) {
      for (const device of this.#devices) device.rest();
      return [];
    }
    return this.#devices.flatMap((device) => device.begin(nodes, this.#random));
  }

  /**
   * Checks a round when all its calls are over.
   * @param entries the user's new entries in the log
   * @param views what the nodes answer about the user
   */
  end(round: Round, entries: readonly Transition[], views: readonly UserView[]): void {
    const verdicts = this.#devices.map((device) => ({ device, ...device.end(round) }));
    this.#follow(entries);
    if (verdicts.some(({ livedThroughout }) => livedThroughout)) {
      assert(!entries.some(({ online }) => !online), `P1: ${this.userId} was taken offline while a session lived`);
    }
    for (const view of views) {
      assert.deepEqual(
        [view.online, view.version],
        [this.#last?.online ?? false, this.#last?.version ?? view.version],
        `P3: view and log of ${this.userId}`,
      );
      const listed = new Map(view.devices.map(({ deviceId, instanceId }) => [deviceId, instanceId]));
      for (const { device, lives, mayLive } of verdicts) {
        const instanceId = listed.get(device.deviceId);
        if (lives) assert(instanceId !== undefined, `P1: the ${device.deviceId} of ${this.userId} lives`);
        if (!mayLive) assert.equal(instanceId, undefined, `P2: the ${device.deviceId} of ${this.userId} is a ghost`);
        if (instanceId !== undefined && device.holder !== undefined) {
          assert.equal(instanceId, device.holder, `P7: who registered last holds the ${device.deviceId}`);
        }
      }
      if (!verdicts.some(({ mayLive }) => mayLive)) assert(!view.online, `P2: ${this.userId} is a ghost`);
    }
  }

  #follow(entries: readonly Transition[]): void {
    const versions = new Set<number>(this.#last?.online ? [this.#last.version] : []);
    for (const entry of entries) {
      assert(entry.version > (this.#last?.version ?? 0), `P3: version ${entry.version} of ${this.userId}`);
      assert.notEqual(entry.online, this.#last?.online ?? false, `P3: ${this.userId} comes and leaves in turn`);
      this.#last = entry;
      if (entry.online) versions.add(entry.version);
    }
    for (const version of this.#devices.flatMap((device) => device.versions)) {
      assert(versions.has(version), `P3: a registration of ${this.userId} answered ${version}, which is in no entry`);
    }
  }
}
