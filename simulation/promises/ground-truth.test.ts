import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GroundTruth } from "./ground-truth.ts";

const rules = { ttlMs: 60_000, leaseTtlMs: 15_000, leasedTtlMs: 180_000, graceMs: 5_000 };

/** The truth about Ann's phone at a gateway that runs, by one shard whose clock is the time. */
function truthAbout() {
  let nowMs = 1_000;
  const clock = {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    shardOf: () => 0,
    deadlineClockMs: () => nowMs,
    deadlineClocksMs: () => [nowMs],
    shardTick: () => ({ clockMs: nowMs, atMs: nowMs, steps: 0 }),
    recoveringUntilMs: () => 0,
  };
  const truth = new GroundTruth({ rules, clock, runs: () => true });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  const connect = (id: string, hasToken = true) =>
    truth.opened({ id, userId: "ann", deviceId: "phone", gateway: "gateway-1", hasToken });
  /** A call that presence answers at once. */
  const call = (id: string, leaseId = "") => {
    truth.asked(id, leaseId);
    return truth.heard(id, leaseId, nowMs, nowMs)?.promise;
  };
  const keep = () => truth.leases.kept("L", [nowMs], nowMs);
  const readClosing = (blockMs: number | undefined) => {
    const closing = { userId: "ann", deviceId: "", blockMs, readMs: nowMs, readClockMs: nowMs };
    truth.closing(closing);
    return closing;
  };
  const close = (blockMs: number | undefined, ids: readonly string[]) => truth.closed(readClosing(blockMs), ids);
  return { truth, now: () => nowMs, pass, connect, call, keep, readClosing, close };
}

test("a session whose last heartbeat the store did not confirm is over a TTL after a tick may have carried that (P2)", () => {
  const { truth, pass, connect, call } = truthAbout();
  connect("c1", false);
  call("c1");
  truth.released("c1");
  truth.unconfirmed("c1");
  pass(71_000);
  assert.equal(truth.verdict("ann"), "either");
  pass(1);
  assert.equal(truth.verdict("ann"), "offline");
});

describe("the truth about a session under a lease", () => {
  test("lives for sure while the lease is kept, and no longer than that is known", () => {
    const { truth, pass, connect, call, keep } = truthAbout();
    keep();
    connect("c1");
    call("c1", "L");
    for (let kept = 0; kept < 12; kept++) {
      pass(10_000);
      keep();
    }
    assert.equal(truth.living("ann")?.id, "c1", "twice its own time to live");
    truth.leases.doubted("L");
    assert.equal(truth.living("ann"), undefined);
    keep();
    assert.equal(truth.living("ann"), undefined, "it may have been taken down before the lease was opened again");
    pass(1);
    call("c1", "L");
    assert.equal(truth.living("ann")?.id, "c1");
  });

  test("is over a lease's time to live after its gateway died (P2)", () => {
    const { truth, pass, connect, call, keep } = truthAbout();
    keep();
    connect("c1");
    call("c1", "L");
    truth.released("c1");
    pass(16_000);
    assert.equal(truth.verdict("ann"), "either");
    pass(1);
    assert.equal(truth.verdict("ann"), "offline");
  });

  test("is over the grace after its lease was closed", () => {
    const { truth, now, pass, connect, call, keep } = truthAbout();
    keep();
    connect("c1");
    call("c1", "L");
    truth.released("c1");
    truth.leases.closed("L", now());
    pass(6_001);
    assert.equal(truth.verdict("ann"), "offline");
  });

  test("may be there as long as nobody verifies it, once its end may have been lost", () => {
    const { truth, now, pass, connect, call, keep } = truthAbout();
    keep();
    connect("c1");
    call("c1", "L");
    truth.released("c1");
    truth.ended("c1", false, now());
    truth.lost();
    pass(100_000);
    keep();
    assert.equal(truth.verdict("ann"), "either");
    pass(82_000);
    keep();
    assert.equal(truth.verdict("ann"), "offline");
  });
});

describe("the truth about an end that the store may have lost", () => {
  test("is the same whether it was answered before the loss or after", () => {
    for (const isAnswered of [true, false]) {
      const { truth, now, pass, connect, call, keep } = truthAbout();
      keep();
      connect("c1");
      call("c1", "L");
      truth.released("c1");
      const sentMs = now();
      const answer = () => {
        truth.ended("c1", false, sentMs);
        truth.leases.closed("L", sentMs);
      };
      if (isAnswered) answer();
      pass(1);
      truth.lost();
      if (!isAnswered) answer();
      pass(10_000);
      assert.equal(truth.verdict("ann"), "either", "it may be there until its lease is over");
      pass(7_000);
      assert.equal(truth.verdict("ann"), "offline");
    }
  });
});

describe("the truth about a session whose device is said to be used, or idle", () => {
  test("is over a TTL after that at the latest, as after a heartbeat (P2)", () => {
    const { truth, pass, connect, call } = truthAbout();
    connect("c1");
    call("c1");
    pass(50_000);
    truth.touched("c1");
    truth.released("c1");
    pass(61_000);
    assert.equal(truth.verdict("ann"), "either");
    pass(1);
    assert.equal(truth.verdict("ann"), "offline");
  });
});

describe("the truth about a gateway that knows only the existing contract", () => {
  test("may have lost whoever is there once it reached no node for a TTL, until presence answers a heartbeat", () => {
    const { truth, pass, connect, call } = truthAbout();
    connect("c1", false);
    call("c1");
    pass(60_000);
    assert.equal(truth.verdict("ann"), "online");
    pass(1);
    assert.deepEqual([truth.verdict("ann"), truth.use("ann")], ["either", "either"]);
    call("c1");
    assert.deepEqual([truth.verdict("ann"), truth.use("ann")], ["online", "used"]);
  });

  test("has to have whoever is there back by a heartbeat that presence refused", () => {
    const { truth, pass, connect } = truthAbout();
    connect("c1", false);
    pass(60_001);
    truth.reached("c1", 61_001);
    assert.equal(truth.verdict("ann"), "online");
  });

  test("does not excuse one whose client library registers again as soon as it can", () => {
    const { truth, pass, connect } = truthAbout();
    connect("c1");
    pass(60_001);
    assert.equal(truth.verdict("ann"), "online");
  });
});

describe("the truth about two connections of a device", () => {
  test("the older one is replaced for sure once presence knew it (P7)", () => {
    const { pass, call, connect } = truthAbout();
    connect("c1");
    call("c1");
    pass(1_000);
    connect("c2");
    call("c2");
    pass(1_000);
    assert.equal(call("c1"), "P7");
  });

  test("which has the device is open while a registration may have been on its way, for 5 s", () => {
    const { pass, call, connect } = truthAbout();
    connect("c1");
    pass(1_000);
    connect("c2");
    call("c2");
    pass(1_000);
    assert.equal(call("c1"), undefined, "a gateway's channels sent its first call once more, by another node");
  });
});

describe("the truth about whom an operator closed", () => {
  test("is offline while the block lasts, and what presence takes meanwhile breaks it", () => {
    const { truth, pass, connect, call, close } = truthAbout();
    connect("c1");
    call("c1");
    close(30_000, ["c1"]);
    pass(1_001);
    connect("c2");
    assert.equal(truth.verdict("ann"), "offline");
    assert.equal(call("c2"), "block");
    pass(32_000);
    assert.equal(truth.verdict("ann"), "online", "c2 is there, and may register again");
    assert.equal(call("c2"), undefined);
  });

  test("comes back by another connection, and never by the one that was closed", () => {
    const { truth, pass, connect, call, close } = truthAbout();
    connect("c1");
    call("c1");
    close(undefined, ["c1"]);
    pass(1_001);
    assert.equal(truth.verdict("ann"), "offline");
    assert.equal(call("c1"), "close");
    connect("c2");
    assert.equal(truth.verdict("ann"), "online");
    assert.equal(call("c2"), undefined);
  });

  test("may be back once the store lost data after it was closed, whether that was answered before or not", () => {
    for (const isAnswered of [true, false]) {
      const { truth, pass, connect, call, readClosing } = truthAbout();
      connect("c1");
      call("c1");
      const closing = readClosing(30_000);
      if (isAnswered) truth.closed(closing, ["c1"]);
      pass(1);
      truth.lost();
      if (!isAnswered) truth.closed(closing, ["c1"]);
      pass(1_001);
      assert.deepEqual([truth.verdict("ann"), call("c1")], ["either", undefined]);
    }
  });

  test("may have been closed by a call that nobody answered", () => {
    const { truth, connect, call, readClosing } = truthAbout();
    connect("c1");
    call("c1");
    readClosing(undefined);
    assert.deepEqual([truth.verdict("ann"), truth.living("ann")], ["either", undefined]);
  });
});
