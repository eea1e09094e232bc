import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleTransition } from "../../../domain/transition.sample.ts";
import { TransitionRing } from "./transition-ring.ts";

function ringOf(maxEntries: number, ...versions: number[]): TransitionRing {
  const ring = new TransitionRing(maxEntries);
  for (const version of versions) ring.append(sampleTransition(version));
  return ring;
}

function read(ring: TransitionRing, after: number, limit = 10) {
  const { entries, gap } = ring.read(after, limit);
  return { versions: entries.map(({ version }) => version), gap };
}

test("a full ring drops the oldest, and says so to whoever had not read it (P4)", () => {
  const ring = ringOf(3, 10, 20, 30, 40, 50);
  assert.deepEqual(read(ring, 10), { versions: [30, 40, 50], gap: true });
  assert.deepEqual(read(ring, 20), { versions: [30, 40, 50], gap: false });
  assert.deepEqual(read(ring, 35, 1), { versions: [40], gap: false });
  assert.equal(ring.length, 3);
});

test("trimming keeps the entry whose version it is given, and the last version for ever", () => {
  const ring = ringOf(10, 10, 20, 30);
  ring.trim(20);
  assert.deepEqual(read(ring, 10), { versions: [20, 30], gap: false });
  assert.equal(read(ring, 9).gap, true);
  ring.trim(Number.POSITIVE_INFINITY);
  assert.deepEqual(read(ring, 30), { versions: [], gap: false });
  assert.deepEqual([ring.length, ring.lastVersion], [0, 30]);
  ring.append(sampleTransition(40));
  assert.deepEqual(read(ring, 30), { versions: [40], gap: false });
});

test("a listener that stops before it started hears nothing", async () => {
  const ring = ringOf(3);
  const heard: unknown[] = [];
  const listener = { entry: (each: unknown) => heard.push(each), interrupted: () => heard.push("interrupted") };
  ring.follow(listener)();
  ring.append(sampleTransition(10));
  await Promise.resolve();
  assert.deepEqual(heard, []);
});

test("what a listener appends comes in order to the others too", async () => {
  const ring = ringOf(5);
  const heard: number[] = [];
  ring.follow({
    interrupted: () => {},
    entry: ({ version }) => {
      if (version === 10) ring.append(sampleTransition(20));
    },
  });
  ring.follow({ interrupted: () => {}, entry: ({ version }) => heard.push(version) });
  await Promise.resolve();
  ring.append(sampleTransition(10));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(heard, [10, 20]);
});
