import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PresenceError } from "../../../domain/presence-error.ts";
import type { SessionRef } from "../../../domain/session.ts";
import type { RefreshResult } from "../../store.ts";
import { batchMaxHeartbeats, RefreshQueue, type RefreshRoute } from "./refresh-queue.ts";

/** A shard whose answers the test gives. */
class FakeRoute implements RefreshRoute {
  readonly batches: (readonly string[])[] = [];
  readonly decided: SessionRef[] = [];
  readonly live: Set<string>;
  decision: RefreshResult = { kind: "missing" };
  timeMs = 0;
  /** Session, member, and by when it had come. */
  readonly kept: (readonly [string, string | undefined, number])[] = [];
  timesIdle = 0;
  #release: (() => void) | undefined;
  #isHeld = false;

  constructor(live: readonly string[]) {
    this.live = new Set(live);
  }

  async extend(members: readonly string[]): Promise<number> {
    this.batches.push(members);
    if (this.#isHeld) await new Promise<void>((resolve) => (this.#release = resolve));
    return new Set(members.filter((member) => this.live.has(member))).size;
  }

  async present(members: readonly string[]): Promise<readonly boolean[]> {
    return members.map((member) => this.live.has(member));
  }

  async decide(session: SessionRef): Promise<RefreshResult> {
    this.decided.push(session);
    return this.decision;
  }

  nowMs(): number {
    return this.timeMs;
  }

  keep({ sessionId }: SessionRef, member: string | undefined, atMs: number): void {
    this.kept.push([sessionId, member, atMs]);
  }

  idle(): void {
    this.timesIdle += 1;
  }

  hold(): void {
    this.#isHeld = true;
  }

  release(): void {
    this.#isHeld = false;
    this.#release?.();
  }
}

const ref = (sessionId: string): SessionRef => ({ userId: "anna", deviceId: "phone", sessionId });
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Collects answers by tag, refusing a second one. */
function collector() {
  const answers = new Map<number, RefreshResult>();
  const reply = (result: RefreshResult, tag: number) => {
    assert(!answers.has(tag), `heartbeat ${tag} was answered twice`);
    answers.set(tag, result);
  };
  return { reply, kinds: () => [...answers].sort(([a], [b]) => a - b).map(([tag, { kind }]) => [tag, kind]), answers };
}

function queueOn(route: RefreshRoute, limit = 1_000_000) {
  const pending = { used: 0, limit };
  return { queue: new RefreshQueue(route, pending), pending };
}

describe("heartbeats of a shard", () => {
  test("it is said when nothing waits nor is under way, and not before", async () => {
    const route = new FakeRoute(["a", "b"]);
    const { queue } = queueOn(route);
    const { reply, answers } = collector();
    route.hold();
    queue.add(ref("a"), "a", reply, 0);
    await settled();
    queue.add(ref("b"), "b", reply, 1);
    await settled();
    assert.equal(route.timesIdle, 0);
    route.release();
    await settled();
    assert.deepEqual([answers.size, route.timesIdle], [2, 1]);
  });

  test("of one moment share one command", async () => {
    const route = new FakeRoute(["1", "2", "3"]);
    const { queue, pending } = queueOn(route);
    const { reply, kinds } = collector();
    for (const tag of [1, 2, 3]) queue.add(ref(String(tag)), String(tag), reply, tag);
    assert.equal(pending.used, 3);
    await settled();
    assert.deepEqual(route.batches, [["1", "2", "3"]]);
    assert.deepEqual(kinds(), [
      [1, "refreshed"],
      [2, "refreshed"],
      [3, "refreshed"],
    ]);
    assert.equal(pending.used, 0);
  });

  test("that come while a batch is under way are the next one", async () => {
    const route = new FakeRoute(["1", "2", "3"]);
    const { queue } = queueOn(route);
    const { reply, kinds } = collector();
    route.hold();
    queue.add(ref("1"), "1", reply, 1);
    await settled();
    queue.add(ref("2"), "2", reply, 2);
    await settled();
    queue.add(ref("3"), "3", reply, 3);
    await settled();
    assert.deepEqual(route.batches, [["1"]]);
    route.release();
    await settled();
    assert.deepEqual(route.batches, [["1"], ["2", "3"]]);
    assert.equal(kinds().length, 3);
  });

  test("are sent in commands of a bounded size", async () => {
    const members = Array.from({ length: 2 * batchMaxHeartbeats + 1 }, (_, index) => String(index));
    const route = new FakeRoute(members);
    const { queue } = queueOn(route);
    const { reply, answers } = collector();
    for (const [tag, member] of members.entries()) queue.add(ref(member), member, reply, tag);
    await settled();
    assert.deepEqual(
      route.batches.map((batch) => batch.length),
      [batchMaxHeartbeats, batchMaxHeartbeats, 1],
    );
    assert.equal(answers.size, members.length);
  });

  test("of one session that come twice in a batch are both answered", async () => {
    const route = new FakeRoute(["1"]);
    const { queue } = queueOn(route);
    const { reply, kinds } = collector();
    queue.add(ref("1"), "1", reply, 1);
    queue.add(ref("1"), "1", reply, 2);
    await settled();
    assert.deepEqual(kinds(), [
      [1, "refreshed"],
      [2, "refreshed"],
    ]);
    assert.deepEqual(route.decided, []);
  });

  test("without deadline, and those that nobody knows, are decided one by one", async () => {
    const route = new FakeRoute(["1"]);
    route.decision = { kind: "superseded" };
    const { queue } = queueOn(route);
    const { reply, kinds } = collector();
    queue.add(ref("1"), "1", reply, 1);
    queue.add(ref("gone"), "gone", reply, 2);
    queue.add(ref(""), undefined, reply, 3);
    await settled();
    assert.deepEqual(kinds(), [
      [1, "refreshed"],
      [2, "superseded"],
      [3, "superseded"],
    ]);
    assert.deepEqual(
      route.decided.map(({ sessionId }) => sessionId),
      ["gone", ""],
    );
  });

  test("all hear of a failure, and the next batch is tried again (P5)", async () => {
    const route = new FakeRoute(["1"]);
    const { queue, pending } = queueOn(route);
    const { reply, answers } = collector();
    const failure = new PresenceError("UNAVAILABLE", "gone");
    route.extend = () => Promise.reject(failure);
    route.decide = () => Promise.reject(failure);
    queue.add(ref("1"), "1", reply, 1);
    queue.add(ref(""), undefined, reply, 2);
    await settled();
    assert.deepEqual(
      [...answers.values()],
      [
        { kind: "failed", error: failure },
        { kind: "failed", error: failure },
      ],
    );
    assert.equal(pending.used, 0);
    assert.deepEqual(route.kept, [
      ["1", "1", 0],
      ["", undefined, 0],
    ]);
    route.extend = async () => 1;
    queue.add(ref("1"), "1", reply, 3);
    await settled();
    assert.equal(answers.get(3)?.kind, "refreshed");
  });

  test("beyond the bound are refused at once, not queued", async () => {
    const route = new FakeRoute(["1"]);
    const { queue } = queueOn(route, 2);
    const { reply, answers } = collector();
    for (const tag of [1, 2, 3]) queue.add(ref("1"), "1", reply, tag);
    const refused = answers.get(3);
    assert(refused?.kind === "failed");
    assert.equal((refused.error as PresenceError).code, "RESOURCE_EXHAUSTED");
    await settled();
    assert.equal(answers.get(1)?.kind, "refreshed");
    queue.add(ref("1"), "1", reply, 4);
    await settled();
    assert.equal(answers.get(4)?.kind, "refreshed");
  });

  test("that are not confirmed are kept as of when they were sent, not of when that was known", async () => {
    const route = new FakeRoute(["1"]);
    const { queue } = queueOn(route);
    const { reply, answers } = collector();
    route.timeMs = 100;
    route.hold();
    route.present = () => Promise.reject(new PresenceError("UNAVAILABLE", "gone"));
    queue.add(ref("1"), "1", reply, 1);
    queue.add(ref("gone"), "gone", reply, 2);
    await settled();
    route.timeMs = 2_100;
    route.release();
    await settled();
    assert.deepEqual(route.kept, [
      ["1", "1", 100],
      ["gone", "gone", 100],
    ]);
    assert.equal(answers.size, 2);
  });

  test("that were refused for good, or answered, are not kept", async () => {
    const route = new FakeRoute(["1"]);
    const { queue } = queueOn(route);
    const { reply, answers } = collector();
    route.decide = () => Promise.reject(new PresenceError("DATA_LOSS", "the record is malformed"));
    for (const [tag, member] of ["1", "gone", undefined].entries()) queue.add(ref(member ?? ""), member, reply, tag);
    await settled();
    assert.equal(answers.size, 3);
    assert.deepEqual(route.kept, []);
  });
});
