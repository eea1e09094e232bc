import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ShownUser } from "./shown-user.ts";
import { PushHarness } from "./testing/push-harness.ts";
import { stateVersion } from "./testing/state-version.ts";

const stateVersionOf = (user: ShownUser | undefined) => (user === undefined ? 0 : stateVersion(user));

describe("a socket that opens", () => {
  test("receives a snapshot of the users it may see, then every change", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob", "cid");
    harness.set("bob", true);
    const ann = harness.connect("ann");
    await harness.settle();
    assert.deepEqual(ann.received(), ["snapshot bob+ cid-"]);
    harness.tell("cid", true);
    await harness.settle();
    assert.deepEqual(ann.received(), ["presence cid+"]);
  });

  test("receives an empty snapshot when it may see no user", async () => {
    const harness = new PushHarness();
    const ann = harness.connect("ann");
    await harness.settle();
    assert.deepEqual(ann.received(), ["snapshot"]);
  });

  test("receives a change that comes during the look-up, and never the older answer after it", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob");
    const answer = Promise.withResolvers<void>();
    harness.presenceHolds = answer.promise;
    const ann = harness.connect("ann");
    await harness.settle();
    harness.tell("bob", true);
    await harness.settle();
    answer.resolve();
    await harness.settle();
    const versions = ann.sink.frames.flatMap((frame) => ("dots" in frame ? frame.dots : [])).map(stateVersion);
    assert.deepEqual(
      versions,
      versions.toSorted((a, b) => a - b),
    );
    assert.ok(ann.received().every((frame) => frame.endsWith("bob+")));
  });

  test("receives no state of users that presence does not know, and the states of all others", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob", "cid", "dan");
    harness.set("cid", true);
    harness.unknown.add("bob");
    const ann = harness.connect("ann");
    await harness.settle();
    assert.deepEqual(ann.received(), ["snapshot cid+ dan-"]);
    // An answer that is older than what is known and differs is believed: presence lost what it had said.
    harness.unknown.add("dan");
    harness.truth.set("cid", harness.dot("cid", false, 1));
    harness.push.gap();
    await harness.clock.advance(5_000);
    assert.deepEqual(ann.received(), ["presence cid-"]);
    harness.tell("bob", true);
    await harness.settle();
    assert.deepEqual(ann.received(), ["presence bob+"]);
  });

  test("causes look-ups only of users without a watcher, and of all users while the feed is not listening", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob", "cid");
    harness.connect("ann");
    await harness.settle();
    harness.connect("bob");
    await harness.settle();
    assert.deepEqual(harness.lookups, [["bob", "cid"], ["ann"]]);
    harness.isFeedListening = false;
    harness.connect("bob");
    await harness.settle();
    assert.deepEqual(harness.lookups.at(-1), ["ann", "cid"]);
  });

  test("receives at most the limit of users without a subscription", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob", "cid", "dan", "eve");
    const ann = harness.connect("ann");
    await harness.settle();
    assert.deepEqual(ann.received(), ["snapshot bob- cid- dan-"]);
    harness.tell("eve", true);
    await harness.settle();
    assert.deepEqual(ann.received(), []);
    assert.equal(ann.subscribe(["eve"]), true);
    await harness.settle();
    assert.deepEqual(ann.received(), ["snapshot eve+"]);
    assert.equal(ann.subscribe(["fay"]), false);
    ann.unsubscribe(["bob"]);
    assert.equal(ann.subscribe(["fay"]), true);
  });

  test("waits while presence or the directory is unavailable, and receives its snapshot afterwards", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob");
    harness.isDirectoryAway = true;
    const ann = harness.connect("ann");
    await harness.clock.advance(1_000);
    harness.isDirectoryAway = false;
    harness.isPresenceAway = true;
    await harness.clock.advance(5_000);
    assert.deepEqual(ann.received(), []);
    harness.isPresenceAway = false;
    await harness.clock.advance(5_000);
    assert.deepEqual(ann.received(), ["snapshot bob-"]);
    assert.ok(harness.push.metrics.directoryFailures > 0 && harness.push.metrics.lookups.failures > 0);
  });

  test("that closes leaves nothing behind", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob");
    const ann = harness.connect("ann");
    await harness.settle();
    ann.close();
    harness.tell("bob", true);
    await harness.settle();
    assert.deepEqual(ann.received(), ["snapshot bob-"]);
    const { subscribers, watchedUsers, interests, busySockets } = harness.push.metrics;
    assert.deepEqual(
      { subscribers, watchedUsers, interests, busySockets },
      { subscribers: 0, watchedUsers: 0, interests: 0, busySockets: 0 },
    );
  });
});

describe("writing", () => {
  async function watching() {
    const harness = new PushHarness();
    harness.befriend("ann", "bob", "cid");
    const ann = harness.connect("ann");
    await harness.settle();
    ann.received();
    return { harness, ann };
  }

  test("one frame has all changes so far, with the latest state of each user", async () => {
    const { harness, ann } = await watching();
    harness.tell("bob", true);
    harness.tell("cid", true);
    harness.tell("bob", false);
    await harness.settle();
    assert.deepEqual(ann.received(), ["presence bob- cid+"]);
  });

  test("a client that does not read the answers to its subscriptions may not subscribe without end", async () => {
    const harness = new PushHarness();
    const ann = harness.connect("ann");
    await harness.settle();
    ann.sink.isHeld = true;
    for (let page = 0; page < 3; page++) {
      assert.equal(ann.subscribe([`foreign-${page}`, `stranger-${page}`]), true);
      await harness.settle();
    }
    assert.deepEqual(ann.received(), ["snapshot", "hidden foreign-0 stranger-0"]);
    assert.equal(ann.subscribe(["one too many"]), false);
    ann.sink.isHeld = false;
    ann.sink.release();
    await harness.settle();
    assert.deepEqual(ann.received(), ["hidden foreign-1 stranger-1 foreign-2 stranger-2"]);
    assert.equal(ann.subscribe(["one", "more"]), true);
  });

  test("a slow client receives the latest state in one frame, and is closed when it stays slow", async () => {
    const { harness, ann } = await watching();
    ann.sink.isHeld = true;
    harness.tell("bob", true);
    await harness.settle();
    for (const online of [false, true, false]) harness.tell("bob", online);
    harness.tell("cid", true);
    await harness.clock.advance(3_000);
    assert.deepEqual(ann.received(), ["presence bob+"]);
    ann.sink.release();
    await harness.settle();
    assert.deepEqual(ann.received(), ["presence bob- cid+"]);
    await harness.clock.advance(4_000);
    assert.equal(ann.sink.isClosedAsSlow, false);
    await harness.clock.advance(2_000);
    assert.equal(ann.sink.isClosedAsSlow, true);
    assert.equal(harness.push.metrics.closedSlow, 1);
  });

  test("equal frames are built once, however many sockets they go to", async () => {
    const harness = new PushHarness();
    const viewers = Array.from({ length: 50 }, (_, index) => `viewer-${index}`);
    for (const viewer of viewers) harness.befriend(viewer, "star");
    const sockets = viewers.map((viewer) => harness.connect(viewer));
    await harness.settle();
    const before = harness.push.metrics.framesBuilt;
    harness.tell("star", true);
    await harness.settle();
    assert.equal(harness.push.metrics.framesBuilt, before + 1);
    const last = sockets.map(({ sink }) => sink.buffers.at(-1));
    assert.equal(new Set(last).size, 1);
    assert.match(String(last[0]), /star/);
  });

  test("the age of a change is observed when it is written, that of a snapshot is not", async () => {
    const { harness, ann } = await watching();
    assert.equal(harness.ages.length, 0);
    ann.sink.isHeld = true;
    harness.tell("cid", true);
    await harness.settle();
    harness.tell("bob", true);
    await harness.clock.advance(250);
    ann.sink.release();
    await harness.settle();
    assert.deepEqual(
      harness.ages.map((age) => age.toFixed(1)),
      ["0.0", "0.2"],
    );
  });
});

describe("when relations change", () => {
  test("a user that may no longer be seen is hidden in one frame, and no state is sent from the change on", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob");
    const [ann, bob] = [harness.connect("ann"), harness.connect("bob")];
    await harness.settle();
    assert.deepEqual([ann.received(), bob.received()], [["snapshot bob-"], ["snapshot ann-"]]);
    const answer = Promise.withResolvers<void>();
    harness.directoryHolds = answer.promise;
    harness.part("ann", "bob");
    harness.tell("bob", true);
    await harness.settle();
    assert.deepEqual(ann.received(), []);
    answer.resolve();
    await harness.settle();
    assert.deepEqual([ann.received(), bob.received()], [["hidden bob"], ["hidden ann"]]);
    harness.tell("bob", false);
    await harness.settle();
    assert.deepEqual(ann.received(), []);
  });

  test("a user that may still be seen is sent again, with the state that was held back", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob");
    const ann = harness.connect("ann");
    await harness.settle();
    ann.received();
    harness.push.affected([{ users: ["ann"], others: ["bob"] }]);
    harness.tell("bob", true);
    await harness.settle();
    assert.deepEqual(ann.received(), ["presence bob+"]);
  });

  test("a user that may be seen from now on appears", async () => {
    const harness = new PushHarness();
    const ann = harness.connect("ann");
    await harness.settle();
    ann.received();
    harness.befriend("ann", "bob");
    harness.set("bob", true);
    harness.push.affected([{ users: ["bob", "ann"], others: ["ann", "bob"] }]);
    await harness.settle();
    assert.deepEqual(ann.received(), ["snapshot bob+"]);
  });

  test("an answer from before a change shows no user, neither on connect nor on subscribe", async () => {
    for (const isSubscribe of [false, true]) {
      const harness = new PushHarness({ limits: { interestMax: isSubscribe ? 1 : 3, watchedMax: 4, lookupMax: 100 } });
      harness.befriend("ann", "zoe");
      harness.befriend("ann", "bob");
      if (isSubscribe) harness.truth.set("bob", harness.dot("bob", true, harness.clock.nowUs()));
      const answer = Promise.withResolvers<void>();
      if (!isSubscribe) harness.directoryHolds = answer.promise;
      const ann = harness.connect("ann");
      await harness.settle();
      if (isSubscribe) {
        ann.received();
        harness.directoryHolds = answer.promise;
        ann.subscribe(["bob"]);
        await harness.settle();
      }
      harness.part("ann", "bob");
      answer.resolve();
      await harness.settle();
      assert.ok(!ann.received().some((frame) => /(snapshot|presence).*bob/.test(frame)));
    }
  });

  test("a subscription to a user that may not be seen is answered with hidden", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob");
    const ann = harness.connect("ann");
    await harness.settle();
    ann.received();
    ann.subscribe(["stranger", "bob"]);
    await harness.settle();
    assert.deepEqual(ann.received(), ["hidden stranger", "snapshot bob-"]);
  });

  test("all pairs are checked again when it is not known which ones changed", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob");
    const ann = harness.connect("ann");
    await harness.settle();
    ann.received();
    harness.visible.clear();
    harness.befriend("ann", "cid");
    harness.push.recheckAll();
    await harness.settle();
    assert.deepEqual(ann.received().sort(), ["hidden bob", "snapshot cid-"]);
  });
});

describe("what the feed did not tell", () => {
  async function watching() {
    const harness = new PushHarness({ reconcileEveryMs: 10_000 });
    harness.befriend("ann", "bob", "cid");
    const ann = harness.connect("ann");
    await harness.settle();
    ann.received();
    harness.lookups.length = 0;
    return { harness, ann };
  }

  test("is looked up after a gap, and only differences are sent", async () => {
    const { harness, ann } = await watching();
    harness.set("bob", true);
    harness.push.gap();
    await harness.settle();
    assert.deepEqual(ann.received(), ["presence bob+"]);
    harness.push.gap();
    await harness.settle();
    assert.deepEqual(ann.received(), []);
    assert.deepEqual(harness.lookups, [
      ["bob", "cid"],
      ["bob", "cid"],
    ]);
  });

  test("is found by the slow pass, which looks up every user once in its time", async () => {
    const { harness, ann } = await watching();
    harness.set("bob", true);
    await harness.clock.advance(10_000);
    assert.deepEqual(ann.received(), ["presence bob+"]);
    assert.ok(harness.lookups.length <= 10 && harness.lookups.every((page) => page.length === 1));
  });

  test("the answers of a presence that lost its data are sent, with a version that clients take for newer", async () => {
    const { harness, ann } = await watching();
    harness.tell("bob", true);
    await harness.settle();
    ann.received();
    const known = harness.truth.get("bob")?.version ?? 0;
    harness.truth.set("bob", harness.dot("bob", false, 1));
    harness.push.gap();
    await harness.settle();
    assert.deepEqual(ann.received(), ["presence bob-"]);
    const frame = ann.sink.frames.at(-1);
    assert.ok(frame?.kind === "presence" && stateVersionOf(frame.dots[0]) === known + 1);
  });

  test("a repeated subscription is answered in two seconds, also when presence is unavailable", async () => {
    const { harness, ann } = await watching();
    harness.isPresenceAway = true;
    ann.subscribe(["bob"]);
    await harness.clock.advance(1_900);
    assert.deepEqual(ann.received(), []);
    await harness.clock.advance(200);
    assert.deepEqual(ann.received(), ["snapshot bob-"]);
  });
});

describe("a presence that lost its data (P8)", () => {
  /** Ann watches bob and cid, who are online, told from partitions 0 and 1 of a feed with two. */
  async function losing() {
    const harness = new PushHarness();
    harness.befriend("ann", "bob", "cid");
    const ann = harness.connect("ann");
    await harness.settle();
    const come = (user: string, partition: number) =>
      harness.push.update({ ...harness.set(user, true), cause: 1, deviceId: "phone" }, partition);
    come("bob", 0);
    come("cid", 1);
    await harness.settle();
    ann.received();
    harness.lookups.length = 0;
    const begin = (harness.truth.get("cid")?.version ?? 0) + 10_000_000;
    /** The feed read the reset from these partitions. */
    const reset = async (...partitions: (0 | 1)[]) => {
      for (const partition of partitions) harness.floors.set(`0 ${partition}`, begin);
      if (harness.floors.has("0 0") && harness.floors.has("0 1")) harness.floors.set("0 undefined", begin);
      harness.push.reset(0);
      await harness.clock.advance(100);
      await harness.settle();
    };
    const restate = (userId: string, version: number, partition: number) => {
      const dot = { ...harness.dot(userId, true, version), cause: 6 };
      harness.truth.set(userId, dot);
      harness.push.update(dot, partition);
    };
    return { harness, ann, begin, reset, restate };
  }

  test("turns nobody grey who is absent while it recovers, and asks until it knows", async () => {
    const { harness, ann, begin } = await losing();
    harness.isRecovering = true;
    for (const user of ["bob", "cid"]) harness.truth.set(user, harness.dot(user, false, begin));
    harness.push.gap();
    await harness.clock.advance(30_000);
    assert.deepEqual(ann.received(), []);
    assert.equal(harness.push.metrics.reconciliation.doubted, 2);
    const calls = harness.lookups.length;
    assert.ok(calls >= 20 && calls <= 32, `${calls} calls in 30 s`);
    harness.truth.set("bob", harness.dot("bob", true, begin + 1));
    harness.isRecovering = false;
    await harness.clock.advance(1_000);
    await harness.settle();
    assert.deepEqual(ann.received(), ["presence cid-"]);
    assert.equal(harness.push.metrics.reconciliation.doubted, 0);
  });

  test("and lost it again unnoticed, is believed although its versions are below begin", async () => {
    const { harness, ann, begin, reset, restate } = await losing();
    restate("bob", begin + 1, 0);
    restate("cid", begin + 2, 1);
    await reset(0, 1);
    harness.truth.set("bob", harness.dot("bob", false, 1));
    harness.push.gap();
    await harness.settle();
    assert.deepEqual(ann.received(), ["presence bob-"]);
    const frame = ann.sink.frames.at(-1);
    assert.ok(
      frame?.kind === "presence" && stateVersionOf(frame.dots[0]) === begin + 2,
      "newer than what clients hold",
    );
  });

  test("shows nothing of those whom it never knew until it has recovered; to a new socket, too", async () => {
    const { harness, begin } = await losing();
    harness.isRecovering = true;
    harness.befriend("dan", "bob", "eve");
    for (const user of ["bob", "eve"]) harness.truth.set(user, harness.dot(user, false, begin));
    const dan = harness.connect("dan");
    await harness.settle();
    assert.deepEqual(dan.received(), ["snapshot bob+"]);
    harness.isRecovering = false;
    harness.truth.set("bob", harness.dot("bob", true, begin + 1));
    await harness.clock.advance(1_000);
    await harness.settle();
    assert.deepEqual(dan.received(), ["presence eve-"]);
  });

  test("who comes back above begin is shown at once, and is in doubt no more", async () => {
    const { harness, begin } = await losing();
    harness.isRecovering = true;
    harness.befriend("dan", "eve");
    harness.truth.set("eve", harness.dot("eve", false, begin));
    const dan = harness.connect("dan");
    await harness.settle();
    const eve = harness.dot("eve", true, begin + 5);
    harness.truth.set("eve", eve);
    harness.push.update({ ...eve, cause: 1, deviceId: "phone" }, 0);
    await harness.settle();
    assert.deepEqual(dan.received(), ["snapshot", "presence eve+"]);
    await harness.clock.advance(1_000);
    await harness.settle();
    assert.equal(harness.push.metrics.reconciliation.doubted, 0);
    assert.deepEqual(dan.received(), []);
  });

  test("whom a store brings back that lost the end of its session stays grey", async () => {
    const { harness, ann, begin } = await losing();
    const before = harness.truth.get("bob");
    assert.ok(before);
    harness.tell("bob", false, 0);
    await harness.settle();
    assert.deepEqual(ann.received(), ["presence bob-"]);
    harness.isRecovering = true;
    harness.truth.set("bob", before);
    harness.push.gap();
    await harness.settle();
    assert.deepEqual(ann.received(), []);
    harness.isRecovering = false;
    harness.truth.set("bob", harness.dot("bob", false, begin + 1));
  });

  test("whom a store brings back that loses data again is in doubt, if that was said before the last reset", async () => {
    const { harness, begin, reset } = await losing();
    await reset(0, 1);
    harness.isRecovering = true;
    harness.befriend("dan", "eve", "fay");
    harness.truth.set("eve", harness.dot("eve", true, begin - 1));
    harness.truth.set("fay", harness.dot("fay", true, begin + 1));
    const dan = harness.connect("dan");
    await harness.settle();
    assert.deepEqual(dan.received(), ["snapshot fay+"]);
  });

  test("keeps of those in doubt not many more than are watched", async () => {
    const { harness, begin } = await losing();
    harness.isRecovering = true;
    for (let round = 0; round < 400; round++) {
      const others = Array.from({ length: 3 }, (_, other) => `other-${round}-${other}`);
      for (const other of others) {
        harness.befriend(`viewer-${round}`, other);
        harness.truth.set(other, harness.dot(other, false, begin));
      }
      const socket = harness.connect(`viewer-${round}`);
      await harness.settle();
      socket.close();
    }
    const kept = harness.push.metrics.reconciliation.doubted;
    assert.ok(kept > 100 && kept <= 1_010, `${kept} of 1200 kept`);
  });

  test("said again, a state is no news: no frame, and the devices stay known", async () => {
    const { harness, ann, begin, restate } = await losing();
    const truth = harness.truth.get("bob");
    assert.ok(truth);
    harness.truth.set("bob", { ...truth, devices: ["phone", "tv"] });
    harness.push.gap();
    await harness.settle();
    ann.received();
    restate("bob", begin + 1, 0);
    await harness.settle();
    assert.deepEqual(ann.received(), []);
    const other = harness.connect("ann");
    await harness.settle();
    const frame = other.sink.frames[0];
    const bob = frame !== undefined && "dots" in frame ? frame.dots.find(({ userId }) => userId === "bob") : undefined;
    assert.deepEqual([stateVersionOf(bob), bob?.devices], [begin + 1, ["phone", "tv"]]);
  });

  test("looks up after a reset those of its partition who were not said again, and nobody else", async () => {
    const { harness, ann, begin, reset, restate } = await losing();
    harness.truth.set("cid", harness.dot("cid", false, begin + 1));
    restate("bob", begin + 2, 0);
    await reset(0);
    assert.deepEqual([harness.lookups, ann.received()], [[], []]);
    await reset(1);
    assert.deepEqual(harness.lookups, [["cid"]]);
    assert.deepEqual(ann.received(), ["presence cid-"]);
    harness.push.reset(7);
    await harness.clock.advance(1_000);
    assert.deepEqual(harness.lookups, [["cid"]]);
  });

  test("looks up those of no known partition once all partitions have reset; after a gap that is everyone", async () => {
    const { harness, ann, begin, reset } = await losing();
    harness.push.gap();
    await harness.settle();
    harness.lookups.length = 0;
    harness.truth.set("cid", harness.dot("cid", false, begin + 1));
    harness.truth.set("bob", harness.dot("bob", true, begin + 2));
    await reset(0);
    assert.deepEqual(harness.lookups, []);
    await reset(1);
    assert.deepEqual(harness.lookups.flat().sort(), ["bob", "cid"]);
    assert.deepEqual(ann.received(), ["presence cid-"]);
  });

  test("resets of many shards and partitions at once cost one walk and one call", async () => {
    const { harness, begin } = await losing();
    for (const user of ["bob", "cid"]) harness.truth.set(user, harness.dot(user, true, begin + 1));
    for (let shard = 0; shard < 16; shard++) {
      for (const partition of [0, 1, undefined]) harness.floors.set(`${shard} ${partition}`, begin);
      for (let partition = 0; partition < 12; partition++) harness.push.reset(shard);
    }
    await harness.clock.advance(200);
    assert.deepEqual(harness.lookups, [["bob", "cid"]]);
    assert.equal(harness.push.metrics.reconciliation.passes, 1);
  });

  test("an answer of before the loss that comes after the reset turns nobody green", async () => {
    const { harness, ann, begin, reset } = await losing();
    await reset(0, 1);
    harness.lookups.length = 0;
    // As a server answers that was replaced, and does not know it.
    assert.deepEqual(ann.received(), ["presence bob- cid-"]);
    const frame = ann.sink.frames.at(-1);
    assert.deepEqual(frame?.kind === "presence" && frame.dots.map(stateVersion), [begin, begin]);
    harness.push.gap();
    await harness.settle();
    assert.deepEqual(ann.received(), []);
  });
});

describe("dots that may not be current", () => {
  /** Ann's page while presence is away for long enough. */
  async function inOutage() {
    const harness = new PushHarness();
    harness.befriend("ann", "bob");
    const ann = harness.connect("ann");
    await harness.settle();
    harness.isPresenceAway = true;
    await harness.clock.advance(9_000);
    return { harness, ann };
  }

  test("are reported once, also to sockets that open meanwhile, and their end after the dots that make it true", async () => {
    const { harness, ann } = await inOutage();
    assert.deepEqual(ann.received(), ["snapshot bob-", "stale"]);
    const bob = harness.connect("bob");
    await harness.settle();
    assert.deepEqual(bob.received(), ["stale"]);
    harness.set("bob", true);
    harness.isPresenceAway = false;
    await harness.clock.advance(10_000);
    assert.deepEqual(ann.received(), ["presence bob+", "current"]);
    assert.deepEqual(bob.received().slice(-2), ["snapshot ann-", "current"]);
    const { isStale, staleEpisodes } = harness.push.metrics;
    assert.deepEqual({ isStale, staleEpisodes }, { isStale: false, staleEpisodes: 1 });
  });

  test("are reported too when the feed is not listening, and a short outage is not", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob");
    const ann = harness.connect("ann");
    await harness.settle();
    ann.received();
    harness.isFeedListening = false;
    await harness.clock.advance(4_000);
    harness.isFeedListening = true;
    await harness.clock.advance(4_000);
    assert.deepEqual(ann.received(), []);
    harness.isFeedListening = false;
    await harness.clock.advance(7_000);
    assert.deepEqual(ann.received(), ["stale"]);
    harness.isFeedListening = true;
    await harness.clock.advance(1_000);
    assert.deepEqual(ann.received(), ["current"]);
  });

  test("are not reported to a socket that did not read it before it was over", async () => {
    const harness = new PushHarness({ slowMs: 60_000 });
    harness.befriend("ann", "bob");
    const ann = harness.connect("ann");
    ann.sink.isHeld = true;
    await harness.settle();
    ann.received();
    harness.isPresenceAway = true;
    await harness.clock.advance(9_000);
    assert.equal(harness.push.metrics.isStale, true);
    harness.isPresenceAway = false;
    await harness.clock.advance(10_000);
    ann.sink.isHeld = false;
    ann.sink.release();
    await harness.settle();
    assert.deepEqual([ann.received(), harness.push.metrics.isStale], [[], false]);
  });

  test("stay so for a socket that has had no snapshot yet", async () => {
    const { harness } = await inOutage();
    harness.isDirectoryAway = true;
    const bob = harness.connect("bob");
    harness.isPresenceAway = false;
    await harness.clock.advance(10_000);
    assert.deepEqual([bob.received(), harness.push.metrics.isStale], [["stale"], false]);
    harness.isDirectoryAway = false;
    await harness.clock.advance(10_000);
    assert.deepEqual(bob.received(), ["snapshot ann-", "current"]);
  });
});

describe("a user of whom presence cannot tell", () => {
  test("keeps the known state, delays no other user, and is shown as soon as there is an update", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob", "cid");
    harness.set("cid", true);
    harness.unknown.add("bob");
    const ann = harness.connect("ann");
    await harness.settle();
    assert.deepEqual(ann.received(), ["snapshot cid+"]);
    harness.unknown.add("cid");
    harness.push.gap();
    await harness.settle();
    ann.subscribe(["bob", "cid"]);
    await harness.settle();
    assert.deepEqual(ann.received(), ["snapshot cid+"]);
    harness.tell("bob", true);
    await harness.settle();
    assert.deepEqual(ann.received(), ["presence bob+"]);
  });

  test("is looked up again, until presence can: the server that has the user may be away for a moment", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob", "cid");
    harness.set("bob", true);
    harness.set("cid", true);
    harness.unknown.add("bob");
    const ann = harness.connect("ann");
    await harness.settle();
    assert.deepEqual(ann.received(), ["snapshot cid+"]);
    await harness.clock.advance(3_000);
    assert.deepEqual(ann.received(), []);
    harness.unknown.delete("bob");
    await harness.clock.advance(1_000);
    await harness.settle();
    assert.deepEqual(ann.received(), ["presence bob+"]);
  });

  test("is looked up for sockets that wait, and for none that has closed", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob", "cid");
    harness.isPresenceAway = true;
    harness.connect("ann");
    await harness.settle();
    const bob = harness.connect("bob");
    await harness.settle();
    assert.equal(harness.push.metrics.lookups.waiting, 2);
    bob.close();
    assert.equal(harness.push.metrics.lookups.waiting, 0);
  });
});

describe("a status", () => {
  async function watchingBob() {
    const harness = new PushHarness();
    harness.befriend("ann", "bob");
    const ann = harness.connect("ann");
    await harness.settle();
    harness.come("bob", "phone");
    await harness.settle();
    ann.received();
    const bob = () => ann.sink.frames.flatMap((frame) => ("dots" in frame ? frame.dots : [])).at(-1);
    return { harness, ann, bob };
  }

  test("that changes alone is told in a frame, and leaves when and why the user came, and the devices", async () => {
    const { harness, ann, bob } = await watchingBob();
    const version = harness.truth.get("bob")?.version ?? 0;
    harness.tellStatus("bob", { availability: "busy", text: "in a meeting" });
    await harness.settle();
    assert.deepEqual(ann.received(), ["presence bob+"]);
    assert.deepEqual([bob()?.status.availability, bob()?.status.text], ["busy", "in a meeting"]);
    assert.deepEqual([bob()?.cause, bob()?.deviceId, bob()?.atUs], [1, "phone", version]);
    assert.deepEqual(bob()?.devices, ["phone"]);
    assert.ok(stateVersionOf(bob()) > version);
  });

  test("that comes from a feed again is no news, nor is since when the user is idle", async () => {
    const { harness, ann } = await watchingBob();
    harness.tellStatus("bob", { availability: "away", idleSinceMs: 1 });
    await harness.settle();
    ann.received();
    harness.tellStatus("bob", { idleSinceMs: 2 });
    harness.tellStatus("bob", {});
    await harness.settle();
    assert.deepEqual(ann.received(), []);
  });

  test("of a user who is offline is told, and when that user was last seen stays", async () => {
    const { harness, ann, bob } = await watchingBob();
    harness.tell("bob", false);
    await harness.settle();
    const lastSeenMs = bob()?.lastSeenMs;
    harness.tellStatus("bob", { text: "back on Monday" });
    await harness.settle();
    assert.deepEqual(ann.received(), ["presence bob-", "presence bob-"]);
    assert.deepEqual([bob()?.status.text, bob()?.lastSeenMs], ["back on Monday", lastSeenMs]);
  });

  test("whose user's coming the feed did not tell brings the user, without a cause, and devices by a look-up", async () => {
    const { harness, bob } = await watchingBob();
    harness.tell("bob", false);
    await harness.settle();
    harness.set("bob", true);
    harness.tellStatus("bob", { text: "back" });
    await harness.settle();
    assert.deepEqual([bob()?.online, bob()?.cause, bob()?.atUs, bob()?.devices], [true, 0, 0, ["phone"]]);
  });

  test("that was missed is found by a look-up, and is in snapshots", async () => {
    const { harness, ann, bob } = await watchingBob();
    const status = { ...harness.dot("bob", true, 1).status, text: "in a meeting" };
    harness.truth.set("bob", { ...harness.set("bob", true), status });
    harness.push.gap();
    await harness.settle();
    assert.deepEqual([ann.received(), bob()?.status.text], [["presence bob+"], "in a meeting"]);
    const other = harness.connect("ann");
    await harness.settle();
    const [frame] = other.sink.frames;
    assert.equal(frame?.kind === "snapshot" && frame.dots[0]?.status.text, "in a meeting");
  });
});

describe("a device that comes or goes while its user stays online", () => {
  async function withBobOnline() {
    const harness = new PushHarness();
    harness.befriend("ann", "bob", "cid");
    const bob = harness.set("bob", true);
    const setDevices = (...devices: string[]) => harness.truth.set("bob", { ...bob, devices });
    setDevices("phone");
    const ann = harness.connect("ann");
    await harness.settle();
    const devices = () =>
      ann.sink.frames.flatMap((frame) => ("dots" in frame ? frame.dots.map((dot) => dot.devices) : []));
    return { harness, ann, bob, setDevices, devices };
  }

  test("is looked up once, however often it is reported, and sent as a snapshot", async () => {
    const { harness, ann, bob, setDevices, devices } = await withBobOnline();
    ann.received();
    setDevices("laptop", "phone");
    for (let times = 0; times < 3; times++) harness.push.devicesChanged("bob");
    await harness.settle();
    assert.deepEqual(ann.received(), ["snapshot bob+"]);
    assert.deepEqual(devices().at(-1), ["laptop", "phone"]);
    const told = ann.sink.frames.at(-1);
    assert.deepEqual(told !== undefined && "dots" in told && told.dots.map(stateVersion), [bob.version]);
    assert.ok(harness.lookups.length <= 3);
    setDevices("phone");
    harness.push.devicesChanged("bob");
    await harness.settle();
    assert.deepEqual(devices().at(-1), ["phone"]);
    harness.push.devicesChanged("bob");
    await harness.settle();
    assert.equal(ann.received().length, 1);
  });

  test("is looked up again where the answer came later than a status that knew no devices", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob");
    harness.truth.set("bob", { ...harness.set("bob", true), devices: ["phone"] });
    const answer = Promise.withResolvers<void>();
    harness.presenceHolds = answer.promise;
    const ann = harness.connect("ann");
    await harness.settle();
    harness.tellStatus("bob", { text: "here" });
    answer.resolve();
    for (let turn = 0; turn < 3; turn++) await harness.settle();
    const told = ann.sink.frames.flatMap((frame) => ("dots" in frame ? frame.dots : []));
    assert.deepEqual(told.at(-1)?.devices, ["phone"]);
  });

  test("is found by reconciliation when it was not reported", async () => {
    const { harness, ann, setDevices, devices } = await withBobOnline();
    ann.received();
    setDevices("laptop", "phone");
    harness.push.gap();
    await harness.settle();
    assert.deepEqual([ann.received(), devices().at(-1)], [["snapshot bob+"], ["laptop", "phone"]]);
  });

  test("is not looked up for an offline or unwatched user", async () => {
    const { harness } = await withBobOnline();
    const before = harness.lookups.length;
    harness.push.devicesChanged("cid");
    harness.push.devicesChanged("dan");
    await harness.settle();
    assert.equal(harness.lookups.length, before);
  });

  test("is not sent to a socket that may no longer see the user", async () => {
    const { harness, ann, setDevices } = await withBobOnline();
    ann.received();
    setDevices("laptop", "phone");
    harness.isDirectoryAway = true;
    harness.part("ann", "bob");
    harness.push.devicesChanged("bob");
    await harness.settle();
    assert.deepEqual(ann.received(), []);
    harness.isDirectoryAway = false;
    await harness.clock.advance(5_000);
    assert.deepEqual(ann.received(), ["hidden bob"]);
  });

  test("is in the first snapshot of a socket that opens meanwhile, and does not replace it", async () => {
    const { harness, setDevices } = await withBobOnline();
    const held = Promise.withResolvers<void>();
    harness.directoryHolds = held.promise;
    const other = harness.connect("cid");
    setDevices("laptop", "phone");
    harness.push.devicesChanged("bob");
    await harness.settle();
    assert.deepEqual(other.received(), []);
    held.resolve();
    await harness.settle();
    assert.deepEqual(other.received(), ["snapshot ann- bob+"]);
  });
});
