import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { History } from "../history/history.ts";
import { ReaderHistory } from "../history/reader-history.ts";
import { timelineOf } from "../history/timeline.ts";
import { check } from "./check.ts";
import { call, endAt, keepAlive, ToldHistory } from "./testing/told-history.ts";
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
