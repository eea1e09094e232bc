import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { type Lease, type LeaseEffect, type LeaseEvent, next, unopened } from "./lease-lifecycle.ts";

interface Said {
  readonly atMs: number;
  /** How long the answer took, ms. */
  readonly tookMs?: number;
  readonly begins?: number;
  readonly partial?: boolean;
}

const answer = ({ atMs, tookMs = 0, begins = 7, partial = false }: Said) => ({
  ...{ sentMs: atMs - tookMs, atMs, begins, partial, heartbeatIntervalMs: 5_000 },
});
const opened = (said: Said): LeaseEvent => ({ kind: "opened", answer: answer(said), ttlMs: 15_000 });
const kept = ({ missing = false, ...said }: Said & { missing?: boolean }): LeaseEvent => ({
  ...{ kind: "kept", answer: answer(said), missing },
});
const failed = (atMs: number): LeaseEvent => ({ kind: "failed", atMs });
const missed = (sentMs: number, atMs: number): LeaseEvent => ({ kind: "missed", sentMs, atMs });

/** A life, an event a line: `event → state: effects`. */
function life(...events: LeaseEvent[]): string[] {
  let lease = unopened;
  return events.map((event) => {
    const step = next(lease, event);
    lease = step.lease;
    return `${event.kind} → ${lease.state}: ${step.effects.map(show).join(", ") || "-"}`;
  });
}

function show(effect: LeaseEffect): string {
  return effect.kind === "call" ? `call after ${effect.afterMs}` : effect.kind;
}

const lives: Record<string, { events: LeaseEvent[]; transcript: string[] }> = {
  "opened, kept, and ended": {
    events: [opened({ atMs: 100 }), kept({ atMs: 5_130, tookMs: 30 }), { kind: "ended" }, failed(9_000)],
    transcript: [
      "opened → open: verify-all, call after 5000",
      "kept → open: call after 4970",
      "ended → ended: -",
      "failed → ended: -",
    ],
  },
  "presence is away when it is opened, and when it is kept": {
    events: [failed(0), opened({ atMs: 3_000 }), failed(10_000), failed(18_000), kept({ atMs: 22_000 })],
    transcript: [
      "failed → opening: call after 4000",
      "opened → open: verify-all, call after 5000",
      "failed → open: call after 1000",
      "failed → open: call after 4000",
      "kept → open: verify-all, call after 5000",
    ],
  },
  "lost: it is opened again, and all is verified": {
    events: [opened({ atMs: 0 }), kept({ atMs: 5_000, missing: true }), opened({ atMs: 5_010 })],
    transcript: [
      "opened → open: verify-all, call after 5000",
      "kept → opening: call after 0",
      "opened → open: perhaps-lost, verify-all, call after 5000",
    ],
  },
  "a session missed it; those that were asked before it was open again say nothing new": {
    events: [
      opened({ atMs: 0 }),
      missed(2_000, 2_010),
      missed(2_005, 2_011),
      opened({ atMs: 2_020 }),
      missed(2_015, 2_030),
    ],
    transcript: [
      "opened → open: verify-all, call after 5000",
      "missed → opening: call after 0",
      "missed → opening: -",
      "opened → open: perhaps-lost, verify-all, call after 5000",
      "missed → open: -",
    ],
  },
  "a session missed it while it was being kept": {
    events: [opened({ atMs: 0 }), missed(5_001, 5_010), kept({ atMs: 5_020, tookMs: 20 })],
    transcript: [
      "opened → open: verify-all, call after 5000",
      "missed → opening: call after 0",
      "kept → opening: call after 0",
    ],
  },
  "missing at once, again and again: it is opened once a second": {
    events: [opened({ atMs: 0 }), missed(5, 10), opened({ atMs: 1_000 }), kept({ atMs: 1_001, missing: true })],
    transcript: [
      "opened → open: verify-all, call after 5000",
      "missed → opening: call after 990",
      "opened → open: perhaps-lost, verify-all, call after 5000",
      "kept → opening: call after 999",
    ],
  },
  "some shard cannot answer: what it might say of begins does not count, and it is kept again soon": {
    events: [
      opened({ atMs: 0 }),
      kept({ atMs: 5_000, begins: 3, partial: true }),
      kept({ atMs: 6_000 }),
      kept({ atMs: 11_000, begins: 8 }),
    ],
    transcript: [
      "opened → open: verify-all, call after 5000",
      "kept → open: call after 1000",
      "kept → open: call after 5000",
      "kept → open: perhaps-lost, verify-all, call after 5000",
    ],
  },
  "unanswered for almost its TTL": {
    events: [opened({ atMs: 0 }), kept({ atMs: 13_000 }), kept({ atMs: 26_001 })],
    transcript: [
      "opened → open: verify-all, call after 5000",
      "kept → open: call after 5000",
      "kept → open: verify-all, call after 5000",
    ],
  },
  "the answer took almost its TTL": {
    events: [opened({ atMs: 0 }), kept({ atMs: 5_000, tookMs: 4_000 }), kept({ atMs: 14_500, tookMs: 100 })],
    transcript: [
      "opened → open: verify-all, call after 5000",
      "kept → open: call after 1000",
      "kept → open: verify-all, call after 4900",
    ],
  },
  "a shard is away for almost its TTL: verified when it is back, and not before": {
    events: [
      opened({ atMs: 0 }),
      ...[4_000, 8_000, 13_500].map((atMs) => kept({ atMs, partial: true })),
      kept({ atMs: 14_000 }),
    ],
    transcript: [
      "opened → open: verify-all, call after 5000",
      "kept → open: call after 1000",
      "kept → open: call after 1000",
      "kept → open: call after 1000",
      "kept → open: verify-all, call after 5000",
    ],
  },
  "closed by somebody else: another lease_id": {
    events: [opened({ atMs: 0 }), { kind: "closed", atMs: 5_000 }, opened({ atMs: 5_010 })],
    transcript: [
      "opened → open: verify-all, call after 5000",
      "closed → opening: renew, call after 0",
      "opened → open: perhaps-lost, verify-all, call after 5000",
    ],
  },
  "no leases at first; a rolling upgrade ends": {
    events: [{ kind: "unimplemented" }, failed(50_000), opened({ atMs: 60_000 })],
    transcript: [
      "unimplemented → unsupported: call after 60000",
      "failed → unsupported: call after 4000",
      "opened → open: verify-all, call after 5000",
    ],
  },
  "a node that does not know leases is asked to keep one": {
    events: [opened({ atMs: 0 }), { kind: "unimplemented" }, kept({ atMs: 6_000 })],
    transcript: [
      "opened → open: verify-all, call after 5000",
      "unimplemented → open: call after 1000",
      "kept → open: call after 5000",
    ],
  },
  "no leases any more: its sessions are kept one by one": {
    events: [opened({ atMs: 0 }), kept({ atMs: 5_000, missing: true }), { kind: "unimplemented" }],
    transcript: [
      "opened → open: verify-all, call after 5000",
      "kept → opening: call after 0",
      "unimplemented → unsupported: release, call after 60000",
    ],
  },
};

for (const [name, { events, transcript }] of Object.entries(lives)) {
  test(`the life of a lease: ${name}`, () => assert.deepEqual(life(...events), transcript));
}

const said = fc.record({
  atMs: fc.integer({ min: 0, max: 60_000 }),
  tookMs: fc.integer({ min: 0, max: 3_000 }),
  begins: fc.integer({ min: 1, max: 3 }),
  partial: fc.boolean(),
});
const event: fc.Arbitrary<LeaseEvent> = fc.oneof(
  said.map(opened),
  fc.record({ said, missing: fc.boolean() }).map(({ said, missing }) => kept({ ...said, missing })),
  fc.constantFrom<LeaseEvent>(failed(10_000), { kind: "unimplemented" }),
  said.map(({ atMs }): LeaseEvent => ({ kind: "closed", atMs })),
  said.map(({ atMs, tookMs }) => missed(atMs - tookMs, atMs)),
);

test("whatever happens, it goes on being called, and all is verified after each OpenLease and each begin", () => {
  const check = (events: readonly LeaseEvent[]) => {
    let lease: Lease = unopened;
    for (const each of events) {
      const { lease: after, effects } = next(lease, each);
      const calls = effects.filter(({ kind }) => kind === "call").length;
      assert.equal(calls, each.kind === "missed" && after === lease ? 0 : 1, each.kind);
      const isBegin = each.kind === "kept" && !each.answer.partial && lease.begins !== each.answer.begins;
      const isVerified = effects.some(({ kind }) => kind === "verify-all");
      if (each.kind === "opened" || (isBegin && lease.begins !== undefined && after.state === "open"))
        assert.ok(isVerified);
      if (isVerified) assert.equal(after.state, "open");
      if (lease.state === "opening") assert.notEqual(after.state === "open" && each.kind !== "opened", true);
      lease = after;
    }
  };
  fc.assert(fc.property(fc.array(event, { maxLength: 12 }), check), { seed: seed(), numRuns: 2_000 });
});
