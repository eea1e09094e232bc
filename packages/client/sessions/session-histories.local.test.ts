import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, pause } from "@realchat/presence-runtime/clock";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { seed } from "@realchat/presence-testing";
import { PresenceClientError } from "../presence-client-error.ts";
import { away, type Fault, ScriptedPresence } from "../testing/scripted-presence.ts";
import type { SessionHandle } from "./session-handle.ts";
import { SessionKeeper } from "./session-keeper.ts";

const histories = 150;
const steps = 60;
const internal = new PresenceClientError("INTERNAL", "a bug");

/** Two gateways, a few users, and whatever can happen: late and lost calls, outages, losses of the store. */
class History {
  readonly clock: FakeClock;
  readonly presence: ScriptedPresence;
  readonly keepers: SessionKeeper[];
  readonly handles: SessionHandle[] = [];
  readonly log: string[] = [];
  #lossRate = 0;
  #delayMaxMs = 0;

  constructor(seed: number, release: Release) {
    this.clock = new FakeClock({ seed });
    this.presence = new ScriptedPresence(this.clock, release);
    this.presence.intervalMs = 2_000;
    // Nothing is dropped because it expired: what is left at the end is left by mistake.
    this.presence.ttlMs = 100_000_000;
    this.presence.verifyIntervalMs = 20_000;
    this.presence.fault = () => this.#fault();
    this.presence.batchFault = () => this.#fault();
    this.presence.arrival = () => this.#delay();
    this.presence.answer = () => this.#delay();
    this.keepers = ["gw-1", "gw-2"].map(
      (instanceId) => new SessionKeeper({ channels: this.presence, instanceId, clock: this.clock }),
    );
  }

  async step(): Promise<void> {
    const live = this.handles.filter(({ state }) => state !== "closed");
    const chance = this.clock.random();
    if (chance < 0.05) for (let socket = 0; socket < 6; socket++) this.#open();
    else if (chance < 0.35) this.#open();
    else if (chance < 0.6 && live.length > 0) this.#close(pick(this.clock, live));
    else if (chance < 0.65) this.#lose(this.clock.random());
    else if (chance < 0.75) this.#note("trouble", () => this.#trouble(this.clock.random()));
    else await this.clock.advance(this.clock.random() * 3_000);
    await this.clock.advance(this.clock.random() * 20);
  }

  async calmDown(): Promise<void> {
    this.#lossRate = 0;
    this.#delayMaxMs = 0;
    await this.clock.advance(60_000);
  }

  /** Those whose session presence has though they are over. */
  ghosts(): SessionHandle[] {
    const tokens = [...this.presence.tokens.values()];
    const isThere = ({ connectionId }: SessionHandle) => tokens.some((token) => token.endsWith(`.${connectionId}`));
    return this.handles.filter((handle) => isThere(handle) && handle.state !== "online");
  }

  #open(): void {
    const userId = pick(this.clock, ["alice", "bob", "carol", "dora", "emil"]);
    const place = this.clock.random() < 0.7 ? 0 : 1;
    this.log.push(`${userId} opens at ${place}`);
    const handle = this.keepers[place]?.open({ userId, deviceId: "phone" });
    if (handle !== undefined) this.handles.push(handle);
  }

  #close(handle: SessionHandle): void {
    this.log.push(`${handle.userId} closes ${handle.connectionId}, ${handle.state}`);
    handle.close(pick(this.clock, ["logged-out", "connection-lost", undefined]));
  }

  #lose(chance: number): void {
    const leaseId = pick(this.clock, [...this.presence.leases.keys(), ""]);
    if (leaseId === "" || chance < 0.3) this.#note("the store loses all", () => this.presence.lose());
    else if (chance < 0.7) this.#note(`lease ${leaseId} is lost`, () => this.presence.loseLease(leaseId));
    else if (chance < 0.9) this.#note("a shard is away", () => this.#shardAway());
    else this.#note("somebody wants no leases", () => this.#withoutLeases());
  }

  #shardAway(): void {
    this.presence.isPartlyAway = true;
    this.clock.after(5_000, () => {
      this.presence.isPartlyAway = false;
    });
  }

  /** As a node whose settings allow none. */
  #withoutLeases(): void {
    this.presence.hasLeases = false;
    this.clock.after(5_000, () => {
      this.presence.hasLeases = true;
    });
  }

  #trouble(chance: number): void {
    this.#lossRate = chance < 0.3 ? 0 : chance < 0.6 ? 0.3 : 1;
    this.#delayMaxMs = this.clock.random() < 0.5 ? 0 : 500;
  }

  #note(what: string, happen: () => void): void {
    this.log.push(what);
    happen();
  }

  #fault(): Fault | undefined {
    if (this.clock.random() >= this.#lossRate) return undefined;
    return { when: pick(this.clock, ["before", "after"]), error: pick(this.clock, [away, away, internal]) };
  }

  async #delay(): Promise<void> {
    if (this.#delayMaxMs > 0) await pause(this.clock, this.clock.random() * this.#delayMaxMs);
  }
}

function pick<T>(clock: Clock, choices: readonly T[]): T {
  return choices[Math.floor(clock.random() * choices.length)] as T;
}

interface Release {
  readonly isBatching: boolean;
  readonly hasLeases: boolean;
}

const releases: Record<string, Release> = {
  "a presence of now": { isBatching: true, hasLeases: true },
  "a presence without leases": { isBatching: true, hasLeases: false },
  "a presence that takes calls one by one": { isBatching: false, hasLeases: false },
};

for (const [name, release] of Object.entries(releases)) {
  test(`whatever happens, in the end presence has exactly the sockets that are open, at ${name}`, async (t) => {
    const first = seed();
    let inBatches = 0;
    let live = 0;
    let superseded = 0;
    let dropped = 0;
    for (let run = 0; run < histories; run++) {
      const history = new History(first + run, release);
      for (let step = 0; step < steps; step++) await history.step();
      await history.calmDown();
      const told = `seed ${first + run}:\n${history.log.join("\n")}`;
      const open = history.handles.filter(({ state }) => state !== "closed" && state !== "superseded");
      for (const handle of open) {
        assert.equal(handle.state, "online", `${handle.connectionId} ${handle.state} ${told}`);
        assert.equal(history.presence.tokens.get(`${handle.userId}\0phone`), handle.sessionId, told);
      }
      const metrics = history.keepers.map((keeper) => keeper.metrics());
      const droppedNow = metrics.reduce((sum, { closingsDropped }) => sum + closingsDropped, 0);
      const ghosts = history.ghosts();
      assert.ok(ghosts.length <= droppedNow, `${ghosts.length} ghosts, ${droppedNow} closings dropped, ${told}`);
      // Only one whose token never arrived can be left to its deadline.
      for (const ghost of ghosts) assert.equal(ghost.sessionId, undefined, `${ghost.connectionId} is left, ${told}`);
      for (const { callsWaiting, callsUnderWay, reachable, sessions } of metrics) {
        assert.deepEqual({ callsWaiting, callsUnderWay }, { callsWaiting: 0, callsUnderWay: 0 }, told);
        // Who has nothing to say does not find out.
        assert.ok(reachable || sessions.online === 0, told);
      }
      inBatches += history.presence.batches.filter((size) => size > 1).length;
      live += open.length;
      superseded += metrics.reduce((sum, { sessions }) => sum + sessions.superseded, 0);
      dropped += droppedNow;
    }
    t.diagnostic(`${live} sockets open at the end, ${superseded} superseded, ${dropped} closings dropped`);
    assert.ok(live > histories / 2 && superseded > histories);
    assert.ok(release.isBatching ? inBatches > histories : inBatches === 0, `${inBatches} calls of many`);
  });
}
