import assert from "node:assert/strict";
import { test } from "node:test";
import { fetchLoop } from "./fetch-loop.ts";
import type { FetchedRecords } from "./topic-source.ts";

/** Until the loop waits for answers again. */
const pendingFetches = () => new Promise((resolve) => setImmediate(resolve));

/** Answers fetches when the test says so. */
class ScriptedReader {
  readonly leaders = [1, 2];
  outdated = false;
  /** What was asked of each leader. */
  readonly asked: [leader: number, position: bigint | undefined][] = [];
  readonly #waiting = new Map<number, PromiseWithResolvers<readonly FetchedRecords[]>>();

  fetch(leader: number, positions: ReadonlyMap<number, bigint>): Promise<readonly FetchedRecords[]> {
    assert.ok(!this.#waiting.has(leader), "one fetch at a time from each leader");
    this.asked.push([leader, positions.get(leader)]);
    const answer = Promise.withResolvers<readonly FetchedRecords[]>();
    this.#waiting.set(leader, answer);
    return answer.promise;
  }

  async answer(leader: number, next: bigint): Promise<void> {
    await pendingFetches();
    const none = { records: [], unreadable: [], highWatermark: next, isHeld: false };
    this.#take(leader).resolve([{ partition: leader, next, ...none }]);
  }

  fail(leader: number, error: Error): void {
    this.#take(leader).reject(error);
  }

  async isOutdated(): Promise<boolean> {
    return this.outdated;
  }

  #take(leader: number): PromiseWithResolvers<readonly FetchedRecords[]> {
    const waiting = this.#waiting.get(leader);
    assert.ok(waiting, `leader ${leader} is fetched from`);
    this.#waiting.delete(leader);
    return waiting;
  }
}

function looping() {
  const reader = new ScriptedReader();
  const positions = new Map([
    [1, 0n],
    [2, 0n],
  ]);
  const stop = new AbortController();
  const loop = fetchLoop(reader, () => positions, stop.signal);
  const next = async () => {
    const { value, done } = await loop.next();
    if (done) return "ended";
    for (const { partition, next } of value.partitions) positions.set(partition, next);
    return value.leader;
  };
  return { reader, stop, next };
}

test("a leader that does not answer holds up no other; each fetch begins where the last one ended", async () => {
  const { reader, next } = looping();
  for (const position of [3n, 5n, 8n]) {
    const told = next();
    await reader.answer(1, position);
    assert.equal(await told, 1);
  }
  const told = next();
  await reader.answer(2, 1n);
  assert.equal(await told, 2);
  assert.deepEqual(reader.asked, [
    [1, 0n],
    [2, 0n],
    [1, 3n],
    [1, 5n],
    [1, 8n],
  ]);
});

test("what fails ends the loop, and later failures of other leaders end nobody", async () => {
  const { reader, next } = looping();
  const told = next();
  reader.fail(2, new Error("broken"));
  await assert.rejects(told, /broken/);
  reader.fail(1, new Error("closed"));
  assert.equal(await next(), "ended");
});

test("the loop ends when leaders have changed, and when it is stopped, after what it has fetched", async () => {
  const outdated = looping();
  const told = outdated.next();
  outdated.reader.outdated = true;
  await outdated.reader.answer(1, 1n);
  assert.equal(await told, 1);
  assert.equal(await outdated.next(), "ended");

  const stopped = looping();
  const last = stopped.next();
  await stopped.reader.answer(2, 1n);
  stopped.stop.abort();
  assert.equal(await last, 2);
  assert.equal(await stopped.next(), "ended");
});
