import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { carriedMax, carriedMin, KeptHeartbeats, keptMs, type Load, withheldMaxMs } from "./kept-heartbeats.ts";

const ref = (sessionId: string) => ({ userId: "anna", deviceId: "phone", sessionId });

function keptOf(limit = 1_000_000) {
  const bound = { used: 0, limit };
  const counts = { delivered: 0, lost: 0, withheld: 0 };
  const kept = new KeptHeartbeats(bound, counts);
  const keep = (sessionId: string, reckonedMs: number | undefined, atMs = 0) =>
    kept.keep(ref(sessionId), sessionId, { reckonedMs, atMs });
  return { kept, bound, counts, keep };
}

const carriedBy = ({ heartbeats }: Load) => heartbeats.map(({ member, reckonedMs }) => [member, reckonedMs]);

describe("heartbeats that were not confirmed", () => {
  test("are carried by every tick until one is answered", () => {
    const { kept, keep, bound, counts } = keptOf();
    keep("1", 100);
    for (let lost = 0; lost < 3; lost++) {
      assert.deepEqual(carriedBy(kept.load(lost)), [["1", 100]]);
      kept.tickFailed();
    }
    const load = kept.load(9);
    assert.equal(load.advance, "unless-missing");
    kept.ticked(load, [], true, 9);
    assert.deepEqual(kept.load(9), { heartbeats: [], advance: "unless-missing" });
    assert.deepEqual([bound.used, counts.delivered, counts.lost], [0, 1, 0]);
  });

  test("are one a session, as late as the latest was reckoned; not known is the latest", () => {
    const { kept, keep, bound } = keptOf();
    keep("1", 100);
    keep("1", 300);
    keep("1", 200);
    keep("2", 100);
    keep("2", undefined);
    keep("2", 200);
    assert.deepEqual(carriedBy(kept.load(0)), [
      ["1", 300],
      ["2", undefined],
    ]);
    assert.equal(bound.used, 2);
  });

  test("that come while a tick is under way go with the next one", () => {
    const { kept, keep } = keptOf();
    keep("1", 100);
    const load = kept.load(0);
    keep("1", 200);
    kept.ticked(load, [], true, 1);
    assert.deepEqual(carriedBy(kept.load(1)), [["1", 200]]);
  });

  test("are forgotten after their time", () => {
    const { kept, keep, bound, counts } = keptOf();
    keep("1", 100, 0);
    kept.keep(ref("2"), undefined, { reckonedMs: 100, atMs: 0 });
    assert.equal(kept.load(keptMs - 1).heartbeats.length, 1);
    assert.deepEqual(kept.load(keptMs), { heartbeats: [], advance: "unless-missing" });
    assert.deepEqual([kept.undecided(9), bound.used, counts.lost], [[], 0, 2]);
  });

  test("do not let the clock advance when some do not fit into a tick", () => {
    const { kept, keep } = keptOf();
    for (let index = 0; index <= carriedMax; index++) keep(String(index), 100);
    const first = kept.load(0);
    assert.deepEqual([first.heartbeats.length, first.advance], [carriedMax, "never"]);
    kept.ticked(first, [], false, 0);
    const second = kept.load(0);
    assert.deepEqual([second.heartbeats.length, second.advance], [1, "unless-missing"]);
  });

  test("do not let the clock advance while the record has to decide about one", () => {
    const { kept, keep, counts } = keptOf();
    keep("gone", 100);
    keep("1", 100);
    const load = kept.load(0);
    kept.ticked(load, [0], false, 0);
    assert.deepEqual(kept.load(1), { heartbeats: [], advance: "never" });
    const [undecided] = kept.undecided(9);
    assert(undecided !== undefined);
    assert.deepEqual(undecided.session, ref("gone"));
    kept.decided(undecided);
    assert.equal(kept.load(2).advance, "unless-missing");
    assert.deepEqual([counts.delivered, counts.withheld], [2, 1]);
  });

  test("beyond the bound are lost, and no time passes while they would have been kept", () => {
    const { kept, keep, bound, counts } = keptOf(1);
    keep("1", 100, 0);
    keep("2", 100, 5);
    assert.deepEqual([bound.used, counts.lost], [1, 1]);
    kept.ticked(kept.load(6), [], false, 6);
    assert.equal(kept.load(keptMs + 4).advance, "never");
    assert.equal(kept.load(keptMs + 5).advance, "unless-missing");
  });

  test("do not withhold the time of all others for ever", () => {
    const { kept } = keptOf();
    const answered = (nowMs: number) => {
      kept.keep(ref("stranger"), undefined, { reckonedMs: 0, atMs: nowMs });
      const load = kept.load(nowMs);
      kept.ticked(load, [], load.advance !== "never", nowMs);
      return load.advance;
    };
    for (const round of [0, 1]) {
      const startMs = round * (withheldMaxMs + 1);
      assert.equal(answered(startMs), "never");
      assert.equal(answered(startMs + withheldMaxMs - 1), "never");
      assert.equal(answered(startMs + withheldMaxMs), "always");
    }
  });

  test("are fewer a tick when ticks fail, and more again when they work", () => {
    const { kept, keep } = keptOf();
    for (let index = 0; index < carriedMax; index++) keep(String(index), 100);
    const sizes: number[] = [];
    for (let failed = 0; failed < 8; failed++) {
      kept.tickFailed();
      sizes.push(kept.load(0).heartbeats.length);
    }
    assert.deepEqual(sizes, [500, 250, 125, 62, 31, carriedMin, carriedMin, carriedMin]);
    kept.ticked(kept.load(0), [], false, 0);
    assert.equal(kept.load(0).heartbeats.length, 2 * carriedMin);
  });

  test("whatever happens to them: none is lost in its time, none is kept beyond it, and no tick passes one over", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("keep"), session: fc.nat(40), reckonedMs: fc.nat(1_000), isKnown: fc.boolean() }),
      fc.record({ kind: fc.constant("tick"), missing: fc.array(fc.nat(40)), isLost: fc.boolean() }),
      fc.record({ kind: fc.constant("decide"), count: fc.nat(5) }),
      fc.record({ kind: fc.constant("wait"), ms: fc.nat(3_000) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { kept, bound, keep } = keptOf();
        const carried = new Map<string, { reckonedMs: number; untilMs: number }>();
        const undecided = new Map<string, number>();
        let nowMs = 0;
        let withheldMs: number | undefined;
        for (let failed = 0; failed < 9; failed++) kept.tickFailed();
        const forget = () => {
          for (const [name, { untilMs }] of carried) if (untilMs <= nowMs) carried.delete(name);
          for (const [name, untilMs] of undecided) if (untilMs <= nowMs) undecided.delete(name);
        };
        for (const one of steps as Step[]) {
          if (one.kind === "wait") nowMs += one.ms;
          else if (one.kind === "keep") {
            const name = String(one.session);
            // A tick may be long ago: what is over is not looked at before the next.
            const before = carried.get(name);
            if (one.isKnown) {
              keep(name, one.reckonedMs, nowMs);
              const reckonedMs = Math.max(before?.reckonedMs ?? 0, one.reckonedMs);
              carried.set(name, { reckonedMs, untilMs: nowMs + keptMs });
            } else {
              kept.keep(ref(name), undefined, { reckonedMs: one.reckonedMs, atMs: nowMs });
              undecided.set(name, nowMs + keptMs);
            }
          } else if (one.kind === "decide") {
            for (const heartbeat of kept.undecided(one.count)) {
              assert(undecided.delete(heartbeat.session.sessionId));
              kept.decided(heartbeat);
            }
          } else {
            forget();
            const load = kept.load(nowMs);
            for (const { member, reckonedMs } of load.heartbeats) {
              assert.equal(reckonedMs, carried.get(member)?.reckonedMs);
            }
            const isComplete = load.heartbeats.length === carried.size && undecided.size === 0;
            const isOverdue = withheldMs !== undefined && nowMs - withheldMs >= withheldMaxMs;
            assert.equal(load.advance, isOverdue ? "always" : isComplete ? "unless-missing" : "never");
            assert(load.heartbeats.length <= carriedMax && (load.heartbeats.length > 0 || carried.size === 0));
            if (one.isLost) kept.tickFailed();
            else {
              const missing = [...new Set(one.missing)].filter((index) => index < load.heartbeats.length);
              const isAdvanced = isOverdue || (isComplete && missing.length === 0);
              kept.ticked(load, missing, isAdvanced, nowMs);
              withheldMs = isAdvanced ? undefined : (withheldMs ?? nowMs);
              for (const [index, { member, keptUntilMs }] of load.heartbeats.entries()) {
                carried.delete(member);
                if (missing.includes(index)) undecided.set(member, Math.max(keptUntilMs, undecided.get(member) ?? 0));
              }
            }
          }
          assert.equal(bound.used, kept.size);
        }
        forget();
        kept.load(nowMs);
        assert.equal(kept.size, carried.size + undecided.size);
      }),
      { seed: seed(), numRuns: 300 },
    );
  });
});

type Step =
  | { kind: "keep"; session: number; reckonedMs: number; isKnown: boolean }
  | { kind: "tick"; missing: number[]; isLost: boolean }
  | { kind: "decide"; count: number }
  | { kind: "wait"; ms: number };
