import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { History } from "../history/history.ts";
import { ReaderHistory } from "../history/reader-history.ts";
import { timelineOf } from "../history/timeline.ts";
import { check } from "./check.ts";
import {
  call,
  closeAt,
  endAt,
  keepAlive,
  keepUnder,
  keptLease,
  leaseCall,
  ToldHistory,
} from "./testing/told-history.ts";
import type { Violation } from "./violation.ts";

const whole = (afterMs: number) => ({ part: "whole", afterMs }) as const;

function promisesBroken(history: History): string[] {
  return [...new Set(check(history).violations.map(({ promise }) => promise))].sort();
}

/** Alice comes at 1 s, her gateway crashes after its heartbeat at 11 s, and she expires. */
function expiring(): { told: ToldHistory; life: ReturnType<ToldHistory["session"]> } {
  const told = new ToldHistory();
  const life = told.session("one");
  keepAlive(life, 1, 11, 100);
  told.transition(1, true, 100, "CONNECTED").answer(2, "online", 100);
  return { told, life };
}

describe("the checker of fault runs", () => {
  test("a run in which everything is as promised has no violation and no wrong second", () => {
    const { told } = expiring();
    told.transition(17.5, false, 200, "EXPIRED").answer(18, "offline", 200);
    const verdict = check(told.until(30));
    assert.deepEqual(verdict.violations, []);
    assert.equal(verdict.wrongSeconds, 0);
    assert(verdict.judgedShare > 0.5, `it judged ${verdict.judgedShare} of the time`);
  });

  test("finds a ghost: an offline that Kafka's reader never heard of (P2, P4)", () => {
    const { told } = expiring();
    told.transition(17.5, false, 200, "EXPIRED", [told.watch]);
    const verdict = check(told.until(30));
    assert.deepEqual(promisesBroken(told.until(30)), ["P2", "P4"]);
    // Due at 11 + TTL + 1 s, and a second of slack for the machine.
    assert.equal(Math.round(verdict.wrongSeconds), 11);
  });

  test("counts no wrong second for what a fault allows, and no further", () => {
    const { told } = expiring();
    told.transition(17.5, false, 200, "EXPIRED", [told.watch]);
    told.transition(24, false, 200, "EXPIRED", [told.kafka]);
    assert.deepEqual(promisesBroken(told.until(30)), ["P2"]);
    told.fault("kafka.freeze", 15, 18, { kafka: whole(3_000) });
    assert.deepEqual(promisesBroken(told.until(30)), []);
  });

  test("finds an offline while a session lives, however short it is (P1)", () => {
    const { told } = expiring();
    told.answer(7, "online", 100);
    told.transition(8, false, 150, "EXPIRED").transition(8.01, true, 151, "CONNECTED").answer(8.5, "online", 151);
    told.transition(17.5, false, 200, "EXPIRED");
    assert.deepEqual(promisesBroken(told.until(30)), ["P1"]);
  });

  test("excuses a page for the trouble of any node, since its gateway may watch there, and no further", () => {
    const { told } = expiring();
    const page = new ReaderHistory("a page", "page");
    told.transition(17.5, false, 200, "EXPIRED");
    told.believe(page, 1.2, "online", 100).believe(page, 23, "offline", 200);
    const history = () => ({ ...told.until(30), readers: [...told.until(30).readers, page] });
    assert.deepEqual(promisesBroken(history()), ["P2"]);
    told.fault("node.freeze", 16, 20, { ofNode: { node: 1, excuse: whole(3_000) } });
    assert.deepEqual(promisesBroken(history()), []);
    told.believe(page, 5, "offline", 100);
    assert(promisesBroken(history()).includes("P1"));
  });

  test("finds an answer that is older than what was known (P3), unless the store lost that in between (P8)", () => {
    const { told } = expiring();
    told.transition(17.5, false, 200, "EXPIRED").answer(19, "online", 100).answer(22, "offline", 300);
    told.fault("node.freeze", 17, 19, { everyone: whole(2_000) });
    assert(promisesBroken(told.until(30)).includes("P3"));
    told.fault("group.promote-stale", 17.1, 18.9, { losesData: true });
    assert.deepEqual(promisesBroken(told.until(30)), []);
  });

  test("an answer that is too old makes no cause of a right transition impossible (P3)", () => {
    const { told } = expiring();
    told.transition(17.5, false, 200, "EXPIRED").answer(25, "online", 100);
    const found = check(told.until(30)).violations.map(({ what }) => what);
    assert(found.some((what) => what.includes("poll, asking after version 200 of alice was known, was answered 100")));
    assert(!found.some((what) => what.includes("cause")), found.join("\n"));
  });

  test("does not take an offline for false that may have come while nobody lived", () => {
    const told = new ToldHistory();
    const first = told.session("one");
    keepAlive(first, 1, 5, 100);
    endAt(first, 6, "none");
    const second = told.session("two");
    keepAlive(second, 6.2, 12.2, 151);
    // Kafka is late with the first one's end.
    told.transition(1, true, 100, "CONNECTED").transition(7, false, 150, "DISCONNECTED");
    told.transition(7.1, true, 151, "CONNECTED").transition(18.5, false, 200, "EXPIRED");
    assert.deepEqual(promisesBroken(told.until(30)), []);
  });

  test("finds an answer that says offline of who is online (P1, P5)", () => {
    const { told } = expiring();
    told.answer(5, "offline", 100).answer(6, "online", 100);
    told.transition(17.5, false, 200, "EXPIRED").answer(18, "offline", 200);
    const verdict = check(told.until(30));
    assert.deepEqual(promisesBroken(told.until(30)), ["P1"]);
    assert.equal(Math.round(verdict.wrongSeconds), 1);
  });

  test("finds that an outage used up somebody's time (P6 breaks P1)", () => {
    const { told, life } = expiring();
    life.calls.splice(
      life.calls.findIndex(({ sentMs }) => sentMs === 5_000),
      2,
      call(5, "refresh", "unknown"),
    );
    told.fault("redis.freeze", 4, 9.5, { everyone: whole(3_000), isOutage: true });
    told.answer(9.6, "online", 100);
    told.transition(10, false, 150, "EXPIRED").transition(11.2, true, 151, "CONNECTED");
    told.transition(17.5, false, 200, "EXPIRED");
    // Last confirmed at 3 s; of the outage at most a second and a half count.
    assert.deepEqual(promisesBroken(told.until(30)), ["P1"]);
  });

  test("a step of the store's clock may cost somebody in grace its leap, and no more (P1)", () => {
    const left = (at: number) => {
      const { told, life } = expiring();
      endAt(life, 12, "connection-lost");
      told.fault("clock.redis", 8, 12.5, { leapMs: 1_000, everyone: whole(3_000) });
      told.answer(at - 0.1, "online", 100).transition(at, false, 200, "CONNECTION_LOST");
      return promisesBroken(told.until(30));
    };
    assert.deepEqual(left(13.1), []);
    assert.deepEqual(left(12.8), ["P1"]);
  });

  describe("a store that recovers, with all that it had", () => {
    /** From 9 s on; a TTL after it was back, and could be asked, is over at 18.5 s. */
    const restarted = () => {
      const { told, life } = expiring();
      told.fault("redis.restart", 9, 9.5, { everyone: whole(3_000), isOutage: true, recovers: true });
      return { told, life };
    };

    test("takes nobody down before it has recovered, and whose time is over then (P2)", () => {
      const gone = (at: number) => {
        const { told, life } = restarted();
        endAt(life, 12, "connection-lost");
        told.transition(at, false, 200, "CONNECTION_LOST");
        return promisesBroken(told.until(30));
      };
      assert.deepEqual(gone(20), []);
      assert.deepEqual(gone(21), ["P2"]);
    });

    test("takes nobody down either who was due as it went away (P2)", () => {
      const { told, life } = expiring();
      endAt(life, 12, "connection-lost");
      told.fault("redis.restart", 14.2, 14.5, { everyone: whole(3_000), isOutage: true, recovers: true });
      told.transition(23, false, 200, "CONNECTION_LOST");
      assert.deepEqual(promisesBroken(told.until(30)), []);
    });

    test("may say that it recovers until it has, and has to answer meanwhile (P5)", () => {
      const silent = (why: string) => {
        const { told } = restarted();
        told.transition(18.7, false, 200, "EXPIRED");
        told.poll.tellAvailability(9_100, false, why);
        told.poll.tellAvailability(19_000, true, "answers");
        return promisesBroken(told.until(30));
      };
      assert.deepEqual(silent("recovering"), []);
      assert.deepEqual(silent("UNAVAILABLE"), ["P5"]);
    });

    test("leaves in grace whom a gateway ended meanwhile, whatever the reason (P2)", () => {
      const cause = (at: number, told: ToldHistory, life: ReturnType<ToldHistory["session"]>) => {
        endAt(life, at, "logged-out");
        told.transition(at + 1, false, 200, "CONNECTION_LOST");
        return promisesBroken(told.until(30));
      };
      const { told, life } = restarted();
      assert.deepEqual(cause(17, told, life), []);
      const well = expiring();
      assert.deepEqual(cause(11.5, well.told, well.life), ["P2"]);
    });

    test("shows again whom an older copy of it has, and no longer (P2)", () => {
      const { told, life } = expiring();
      endAt(life, 11.5, "none");
      told.transition(11.6, false, 200, "DISCONNECTED").answer(13, "offline", 200).answer(20, "online", 100);
      told.answer(21, "offline", 200);
      assert(promisesBroken(told.until(40)).includes("P2"));
      told.fault("group.primary.kill", 18, 19, { everyone: whole(14_000), losesData: true, revives: true });
      assert.deepEqual(promisesBroken(told.until(40)), []);
      told.answer(36, "online", 300).answer(37, "offline", 400);
      assert.deepEqual(promisesBroken(told.until(40)), ["P2"]);
    });
  });

  test("finds a version that says two things, and one that comes after a higher one (P3)", () => {
    const { told } = expiring();
    told.transition(17.5, false, 200, "EXPIRED");
    told.watch.transitions.push({ atMs: 18_000, userId: "alice", online: true, version: 200, shard: 0, cause: "" });
    assert.deepEqual(promisesBroken(told.until(30)), ["P3"]);

    const other = expiring().told;
    other.transition(17.5, false, 200, "EXPIRED");
    other.kafka.transitions.push({ atMs: 18_000, userId: "alice", online: false, version: 90, shard: 0, cause: "" });
    assert(promisesBroken(other.until(30)).includes("P3"));
  });

  test("finds a transition that is missing for everyone (P4), unless the store may have lost it", () => {
    const { told, life } = expiring();
    endAt(life, 12, "none");
    keepAlive(told.session("two"), 12.5, 14.5, 300);
    told.transition(12.6, true, 300, "CONNECTED").transition(20.6, false, 400, "EXPIRED");
    assert.deepEqual(promisesBroken(told.until(30)), ["P4"]);
    told.fault("redis.flush", 12, 12.1, { losesData: true });
    assert.deepEqual(promisesBroken(told.until(30)), []);
  });

  test("finds a reader that ignores resets: a ghost after a loss (P2)", () => {
    const { told } = expiring();
    told.fault("redis.flush", 12, 12.1, { losesData: true, everyone: whole(14_000) });
    const reset = { atMs: 20_000, shard: 0, begin: 10_000 };
    told.kafka.resets.push(reset);
    told.believe(told.watch, 20, "offline", 10_000);
    assert.deepEqual(promisesBroken(told.until(50)), ["P2"]);
    told.believe(told.kafka, 20, "offline", 10_000);
    assert.deepEqual(promisesBroken(told.until(50)), []);
  });

  test("finds a heartbeat of a replaced session that is answered OK (P7)", () => {
    const { told, life } = expiring();
    const rival = told.session("two");
    keepAlive(rival, 4, 11, 100);
    told.transition(17.5, false, 200, "EXPIRED");
    assert.deepEqual(promisesBroken(told.until(30)), ["P7"]);
    life.calls.length = 2;
    life.releasedMs = 4_500;
    assert.deepEqual(promisesBroken(told.until(30)), []);
  });

  test("finds a session that is refused as replaced, though nobody has its device (P7)", () => {
    const { told, life } = expiring();
    told.transition(17.5, false, 200, "EXPIRED");
    life.calls.push(call(11.5, "refresh", "superseded"));
    assert.deepEqual(promisesBroken(told.until(30)), ["P7"]);
    const rival = told.session("two");
    rival.calls.push(call(11.2, "register", "unknown"));
    rival.releasedMs = 11_400;
    assert.deepEqual(promisesBroken(told.until(30)), []);
  });

  test("finds a successor that was ended by the late end of the session before it (P7 breaks P1)", () => {
    const told = new ToldHistory();
    const first = told.session("one");
    keepAlive(first, 1, 3, 100);
    keepAlive(told.session("two"), 4, 12, 100);
    endAt(first, 5, "none", true);
    told.transition(1, true, 100, "CONNECTED").answer(4.5, "online", 100).transition(5.1, false, 150, "DISCONNECTED");
    assert(promisesBroken(told.until(10)).includes("P1"));
  });

  test("finds a session that is gone before its time (P1), and a legacy one that is not brought back (P8)", () => {
    const { told, life } = expiring();
    told.transition(17.5, false, 200, "EXPIRED");
    life.calls.push(call(12, "refresh", "missing"));
    assert.deepEqual(promisesBroken(told.until(30)), ["P1"]);

    const legacy = new ToldHistory();
    const held = legacy.session("old", "legacy");
    keepAlive(held, 1, 11, 100);
    held.calls.push(call(11.5, "refresh", "missing"));
    legacy.transition(1, true, 100, "CONNECTED").transition(18, false, 200, "EXPIRED");
    assert.deepEqual(promisesBroken(legacy.until(30)), ["P8"]);
  });

  test("finds a session that is held at the end of the run, and whose heartbeats are confirmed no more (P6)", () => {
    const { told, life } = expiring();
    told.transition(17.5, false, 200, "EXPIRED");
    life.releasedMs = 30_000;
    life.calls.push(call(13, "refresh", "unknown"));
    assert.deepEqual(promisesBroken(told.until(30)), ["P6"]);
    assert.deepEqual(promisesBroken(told.until(16)), []);
    life.calls.push(call(25, "refresh"));
    assert(!promisesBroken(told.until(30)).includes("P6"));
  });

  test("finds a presence that says nothing any more (P5)", () => {
    const { told } = expiring();
    told.transition(17.5, false, 200, "EXPIRED");
    told.poll.tellAvailability(2_000, false, "UNAVAILABLE");
    told.poll.tellAvailability(12_000, true, "answers");
    assert.deepEqual(promisesBroken(told.until(30)), ["P5"]);
    told.fault("redis.freeze", 2, 10, { everyone: whole(3_000) });
    assert.deepEqual(promisesBroken(told.until(30)), []);
  });

  test("adds up not being answered and being answered that it recovers, and tells them apart (P5)", () => {
    const { told } = expiring();
    told.transition(17.5, false, 200, "EXPIRED");
    told.poll.tellAvailability(2_000, false, "UNAVAILABLE: one");
    told.poll.tellAvailability(3_000, false, "UNAVAILABLE: two");
    told.poll.tellAvailability(6_000, false, "recovering");
    told.poll.tellAvailability(10_000, true, "answers");
    const [silence, ...others] = check(told.until(30)).violations;
    assert.match(silence?.what ?? "", /for 8000 ms that no fault allows \(UNAVAILABLE: one, then recovering\)/);
    assert.deepEqual(others, []);
  });

  test("judges no silence from before the run, in which a new store recovers", () => {
    const { told } = expiring();
    told.transition(17.5, false, 200, "EXPIRED");
    told.poll.tellAvailability(-7_000, false, "recovering");
    told.poll.tellAvailability(-200, true, "answers");
    assert.deepEqual(promisesBroken(told.until(30)), []);
  });

  test("a call that may be carried out late keeps somebody alive, for all that is known", () => {
    const { told, life } = expiring();
    life.calls.push(call(12, "refresh", "unknown"));
    told.transition(26, false, 200, "EXPIRED").answer(26.1, "offline", 200);
    assert.deepEqual(promisesBroken(told.until(30)), ["P2"]);
    told.fault("gateway-node.stall", 11.5, 20, { holdsCalls: true });
    assert.deepEqual(promisesBroken(told.until(30)), []);
  });

  describe("leases", () => {
    /** Alice comes at 1 s under a lease, whose process crashes after keeping it at 11 s. */
    const leasing = () => {
      const told = new ToldHistory();
      const lease = keptLease(0, 11);
      const life = told.session("one");
      keepUnder(lease, life, 1, 100);
      told.transition(1, true, 100, "CONNECTED").answer(2, "online", 100);
      return { told, lease, life };
    };
    const lost = (cause = "INSTANCE_LOST") => {
      const { told, lease, life } = leasing();
      told.answer(18, "online", 100).transition(19.5, false, 200, cause).answer(20, "offline", 200);
      return { told, lease, life };
    };

    test("a crash that takes the users offline a lease TTL later is as promised", () => {
      const verdict = check(lost().told.until(40));
      assert.deepEqual(verdict.violations, []);
      assert(verdict.judgedShare > 0.5, `it judged ${verdict.judgedShare} of the time`);
    });

    test("finds a ghost after the lease TTL and a second (P2)", () => {
      const { told } = leasing();
      told.transition(19.5, false, 200, "INSTANCE_LOST", [told.kafka]);
      const verdict = check(told.until(40));
      assert.deepEqual(promisesBroken(told.until(40)), ["P2"]);
      // Due at 11 + 8 + 1 s, and a second of slack for the machine.
      assert.equal(Math.round(verdict.wrongSeconds), 19);
    });

    test("finds an offline while the lease is kept, though no heartbeat of the session came for its TTL (P1)", () => {
      const { told, life } = leasing();
      life.calls.splice(1);
      told.answer(9.5, "online", 100);
      told.transition(9.8, false, 150, "INSTANCE_LOST").transition(10, true, 151, "CONNECTED");
      told.answer(10.1, "online", 151).transition(19.5, false, 200, "INSTANCE_LOST");
      assert(promisesBroken(told.until(40)).includes("P1"));
    });

    test("does not know who is online under a lease that some shard did not confirm, or that was lost meanwhile", () => {
      const { told, lease } = leasing();
      lease.calls.splice(4, lease.calls.length, leaseCall(12, "keep", "partial"), leaseCall(13, "keep", "missing"));
      told.transition(13.2, false, 150, "INSTANCE_LOST").transition(13.4, true, 151, "CONNECTED");
      told.transition(19.5, false, 200, "INSTANCE_LOST");
      assert.deepEqual(promisesBroken(told.until(40)), []);
    });

    test("finds a lease that is lost before its time (P1), unless the store may have lost it", () => {
      const { told, lease } = lost();
      lease.calls.splice(6, 1, leaseCall(6, "keep", "missing"));
      assert.deepEqual(promisesBroken(told.until(40)), ["P1"]);
      told.fault("redis.flush", 5.5, 5.6, { losesData: true, everyone: whole(14_000) });
      assert.deepEqual(promisesBroken(told.until(40)), []);
    });

    test("finds a lease that is answered to be closed, which nobody did (P1)", () => {
      const { told, lease } = lost();
      lease.calls.push({ ...leaseCall(11.5, "keep", "unknown"), code: "FAILED_PRECONDITION" });
      assert.deepEqual(promisesBroken(told.until(40)), ["P1"]);
      lease.calls.push(leaseCall(11.2, "close", "unknown"));
      assert(!promisesBroken(told.until(40)).includes("P1"));
    });

    test("after a loss only its recovery is sure, though leases have longer", () => {
      const { told, lease } = leasing();
      told.fault("redis.flush", 10.5, 10.5, { losesData: true, everyone: whole(14_000) });
      lease.calls.pop();
      told.transition(16.8, false, 200, "RESTATED");
      assert.deepEqual(promisesBroken(told.until(40)), []);
      lease.calls.push(leaseCall(11, "open"));
      assert.deepEqual(promisesBroken(told.until(40)), [], "its session was not verified since");
    });

    test("finds a lease that is kept at the end of the run and confirmed no more (P6)", () => {
      const { told, lease, life } = lost();
      lease.releasedMs = undefined;
      life.releasedMs = 12_000;
      assert.deepEqual(promisesBroken(told.until(21)), ["P6"]);
    });

    test("a closed lease ends its sessions after the grace, as lost connections", () => {
      const closed = (cause: string, at: number) => {
        const { told, lease, life } = leasing();
        closeAt(lease, 12, [life]);
        told.answer(at - 0.1, "online", 100).transition(at, false, 200, cause);
        return promisesBroken(told.until(40));
      };
      assert.deepEqual(closed("CONNECTION_LOST", 14.2), []);
      assert.deepEqual(closed("INSTANCE_LOST", 14.2), ["P2"]);
      assert.deepEqual(closed("CONNECTION_LOST", 17), ["P2"]);
      assert.deepEqual(closed("CONNECTION_LOST", 13), ["P1"]);
    });

    test("a closed lease ends the sessions, too, of which its process has stopped to speak", () => {
      const { told, lease, life } = leasing();
      life.releasedMs = 11_900;
      closeAt(lease, 12, []);
      told.transition(14.2, false, 200, "CONNECTION_LOST").answer(15, "offline", 200);
      assert.deepEqual(promisesBroken(told.until(40)), []);
    });

    test("finds a cause that is not what happened: of a lease that is open, or a session that was verified (P2)", () => {
      assert.deepEqual(promisesBroken(lost("EXPIRED").told.until(40)), ["P2"]);
      assert.deepEqual(promisesBroken(lost("CONNECTION_LOST").told.until(40)), ["P2"]);
      const { told } = expiring();
      told.transition(17.5, false, 200, "INSTANCE_LOST").answer(18, "offline", 200);
      assert.deepEqual(promisesBroken(told.until(30)), ["P2"]);
    });

    test("a session that nobody verifies expires under a lease that is kept (P2)", () => {
      const { told, lease, life } = leasing();
      for (let at = 12; at < 40; at++) lease.calls.push(leaseCall(at, "keep"));
      lease.releasedMs = undefined;
      // Its gateway forgot it after it had verified it at 9 s.
      life.releasedMs = 9_500;
      assert.deepEqual(promisesBroken(told.until(22)), []);
      assert.deepEqual(promisesBroken(told.until(30)), ["P2"]);
      told.transition(22, false, 200, "EXPIRED");
      assert.deepEqual(promisesBroken(told.until(30)), []);
    });

    test("a session that was moved under a lease goes with it (P2)", () => {
      const { told, life } = leasing();
      life.calls.splice(0, 1, call(1, "register", "ok", 100));
      assert.deepEqual(promisesBroken(told.until(20)), []);
      assert.deepEqual(promisesBroken(told.until(22)), ["P2"]);
    });

    test("a replaced session under a lease keeps nobody online when its successor expires first", () => {
      const { told, life } = leasing();
      keepAlive(told.session("two"), 10, 10, 100);
      life.calls.splice(3);
      told.transition(16.5, false, 200, "EXPIRED");
      assert.deepEqual(promisesBroken(told.until(40)), []);
    });
  });

  test("the timeline of a violation tells what was done, what the gateway did and what readers said, in order", () => {
    const { told } = expiring();
    told.fault("kafka.freeze", 14, 15, {});
    told.transition(17.5, false, 200, "EXPIRED", [told.watch]);
    const history = told.until(30);
    const [ghost] = check(history).violations.filter(({ promise }) => promise === "P2");
    const lines = timelineOf(ghost as Violation, history).split("\n");
    const told4 = ["refresh phone one: ok", "kafka.freeze of it begins", "offline, version 200"];
    const places = told4.map((part) => lines.findIndex((line) => line.includes(part)));
    assert(!places.includes(-1), `all are told:\n${lines.join("\n")}`);
    assert.deepEqual(
      places,
      [...places].sort((left, right) => left - right),
    );
  });
});
