import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PushScene } from "./testing/push-scene.ts";

describe("a socket that opens", () => {
  test("is told of those whom its user may see, then of every change", async () => {
    const scene = new PushScene();
    scene.befriend("ann", "bob", "cid");
    scene.set("bob", true);
    const ann = scene.connect("ann");
    await scene.settle();
    assert.deepEqual(ann.told(), ["snapshot bob+ cid-"]);
    scene.tell("cid", true);
    await scene.settle();
    assert.deepEqual(ann.told(), ["presence cid+"]);
  });

  test("is told that there is nobody to see", async () => {
    const scene = new PushScene();
    const ann = scene.connect("ann");
    await scene.settle();
    assert.deepEqual(ann.told(), ["snapshot"]);
  });

  test("is told a change that comes while it is looked up, and never the older answer after it", async () => {
    const scene = new PushScene();
    scene.befriend("ann", "bob");
    const answer = Promise.withResolvers<void>();
    scene.presenceHolds = answer.promise;
    const ann = scene.connect("ann");
    await scene.settle();
    scene.tell("bob", true);
    await scene.settle();
    answer.resolve();
    await scene.settle();
    const versions = ann.outlet.frames
      .flatMap((frame) => ("dots" in frame ? frame.dots : []))
      .map(({ version }) => version);
    assert.deepEqual(
      versions,
      versions.toSorted((a, b) => a - b),
    );
    assert.ok(ann.told().every((frame) => frame.endsWith("bob+")));
  });

  test("is told nothing of whom presence knows nothing, and all of the others", async () => {
    const scene = new PushScene();
    scene.befriend("ann", "bob", "cid", "dan");
    scene.set("cid", true);
    scene.unknown.add("bob");
    const ann = scene.connect("ann");
    await scene.settle();
    assert.deepEqual(ann.told(), ["snapshot cid+ dan-"]);
    // An answer that is older than what is known and differs is believed: presence lost what it had said.
    scene.unknown.add("dan");
    scene.truth.set("cid", scene.dot("cid", false, 1));
    scene.push.gap();
    await scene.clock.advance(5_000);
    assert.deepEqual(ann.told(), ["presence cid-"]);
    scene.tell("bob", true);
    await scene.settle();
    assert.deepEqual(ann.told(), ["presence bob+"]);
  });

  test("asks presence only for those whom nobody here watches yet, and for all while no changes are heard", async () => {
    const scene = new PushScene();
    scene.befriend("ann", "bob", "cid");
    scene.connect("ann");
    await scene.settle();
    scene.connect("bob");
    await scene.settle();
    assert.deepEqual(scene.lookups, [["bob", "cid"], ["ann"]]);
    scene.hears = false;
    scene.connect("bob");
    await scene.settle();
    assert.deepEqual(scene.lookups.at(-1), ["ann", "cid"]);
  });

  test("is not told more than it may be without asking", async () => {
    const scene = new PushScene();
    scene.befriend("ann", "bob", "cid", "dan", "eve");
    const ann = scene.connect("ann");
    await scene.settle();
    assert.deepEqual(ann.told(), ["snapshot bob- cid- dan-"]);
    scene.tell("eve", true);
    await scene.settle();
    assert.deepEqual(ann.told(), []);
    assert.equal(ann.subscribe(["eve"]), true);
    await scene.settle();
    assert.deepEqual(ann.told(), ["snapshot eve+"]);
    assert.equal(ann.subscribe(["fay"]), false);
    ann.unsubscribe(["bob"]);
    assert.equal(ann.subscribe(["fay"]), true);
  });

  test("waits while presence or the directory is away, and is told when they are back", async () => {
    const scene = new PushScene();
    scene.befriend("ann", "bob");
    scene.isDirectoryAway = true;
    const ann = scene.connect("ann");
    await scene.clock.advance(1_000);
    scene.isDirectoryAway = false;
    scene.isPresenceAway = true;
    await scene.clock.advance(5_000);
    assert.deepEqual(ann.told(), []);
    scene.isPresenceAway = false;
    await scene.clock.advance(5_000);
    assert.deepEqual(ann.told(), ["snapshot bob-"]);
    assert.ok(scene.push.figures.directoryFailures > 0 && scene.push.figures.lookups.failures > 0);
  });

  test("that closes leaves nothing behind", async () => {
    const scene = new PushScene();
    scene.befriend("ann", "bob");
    const ann = scene.connect("ann");
    await scene.settle();
    ann.close();
    scene.tell("bob", true);
    await scene.settle();
    assert.deepEqual(ann.told(), ["snapshot bob-"]);
    const { subscribers, watchedUsers, interests, busySockets } = scene.push.figures;
    assert.deepEqual(
      { subscribers, watchedUsers, interests, busySockets },
      { subscribers: 0, watchedUsers: 0, interests: 0, busySockets: 0 },
    );
  });
});

describe("writing", () => {
  async function watching() {
    const scene = new PushScene();
    scene.befriend("ann", "bob", "cid");
    const ann = scene.connect("ann");
    await scene.settle();
    ann.told();
    return { scene, ann };
  }

  test("one frame tells all that changed together, and of each user the latest", async () => {
    const { scene, ann } = await watching();
    scene.tell("bob", true);
    scene.tell("cid", true);
    scene.tell("bob", false);
    await scene.settle();
    assert.deepEqual(ann.told(), ["presence bob- cid+"]);
  });

  test("who does not read what became of his subscriptions may not go on subscribing for ever", async () => {
    const scene = new PushScene();
    const ann = scene.connect("ann");
    await scene.settle();
    ann.outlet.isHeld = true;
    for (let page = 0; page < 3; page++) {
      assert.equal(ann.subscribe([`foreign-${page}`, `stranger-${page}`]), true);
      await scene.settle();
    }
    assert.deepEqual(ann.told(), ["snapshot", "hidden foreign-0 stranger-0"]);
    assert.equal(ann.subscribe(["one too many"]), false);
    ann.outlet.isHeld = false;
    ann.outlet.release();
    await scene.settle();
    assert.deepEqual(ann.told(), ["hidden foreign-1 stranger-1 foreign-2 stranger-2"]);
    assert.equal(ann.subscribe(["one", "more"]), true);
  });

  test("a slow reader is told what is true when it reads, in one frame, and closed when it stays slow", async () => {
    const { scene, ann } = await watching();
    ann.outlet.isHeld = true;
    scene.tell("bob", true);
    await scene.settle();
    for (const online of [false, true, false]) scene.tell("bob", online);
    scene.tell("cid", true);
    await scene.clock.advance(3_000);
    assert.deepEqual(ann.told(), ["presence bob+"]);
    ann.outlet.release();
    await scene.settle();
    assert.deepEqual(ann.told(), ["presence bob- cid+"]);
    await scene.clock.advance(4_000);
    assert.equal(ann.outlet.isClosedAsSlow, false);
    await scene.clock.advance(2_000);
    assert.equal(ann.outlet.isClosedAsSlow, true);
    assert.equal(scene.push.figures.closedSlow, 1);
  });

  test("equal frames are built once, however many sockets they go to", async () => {
    const scene = new PushScene();
    const viewers = Array.from({ length: 50 }, (_, index) => `viewer-${index}`);
    for (const viewer of viewers) scene.befriend(viewer, "star");
    const sockets = viewers.map((viewer) => scene.connect(viewer));
    await scene.settle();
    const before = scene.push.figures.framesBuilt;
    scene.tell("star", true);
    await scene.settle();
    assert.equal(scene.push.figures.framesBuilt, before + 1);
    const last = sockets.map(({ outlet }) => outlet.buffers.at(-1));
    assert.equal(new Set(last).size, 1);
    assert.match(String(last[0]), /star/);
  });

  test("the age of a change is observed when it is written, that of a snapshot is not", async () => {
    const { scene, ann } = await watching();
    assert.equal(scene.ages.length, 0);
    ann.outlet.isHeld = true;
    scene.tell("cid", true);
    await scene.settle();
    scene.tell("bob", true);
    await scene.clock.advance(250);
    ann.outlet.release();
    await scene.settle();
    assert.deepEqual(
      scene.ages.map((age) => age.toFixed(1)),
      ["0.0", "0.2"],
    );
  });
});

describe("when relations change", () => {
  test("who may no longer be seen is hidden in one frame, and nothing is told of him from the first moment on", async () => {
    const scene = new PushScene();
    scene.befriend("ann", "bob");
    const [ann, bob] = [scene.connect("ann"), scene.connect("bob")];
    await scene.settle();
    assert.deepEqual([ann.told(), bob.told()], [["snapshot bob-"], ["snapshot ann-"]]);
    const answer = Promise.withResolvers<void>();
    scene.directoryHolds = answer.promise;
    scene.part("ann", "bob");
    scene.tell("bob", true);
    await scene.settle();
    assert.deepEqual(ann.told(), []);
    answer.resolve();
    await scene.settle();
    assert.deepEqual([ann.told(), bob.told()], [["hidden bob"], ["hidden ann"]]);
    scene.tell("bob", false);
    await scene.settle();
    assert.deepEqual(ann.told(), []);
  });

  test("who may still be seen is told of again, with what was held back", async () => {
    const scene = new PushScene();
    scene.befriend("ann", "bob");
    const ann = scene.connect("ann");
    await scene.settle();
    ann.told();
    scene.push.affected([{ users: ["ann"], others: ["bob"] }]);
    scene.tell("bob", true);
    await scene.settle();
    assert.deepEqual(ann.told(), ["presence bob+"]);
  });

  test("who may be seen from now on appears", async () => {
    const scene = new PushScene();
    const ann = scene.connect("ann");
    await scene.settle();
    ann.told();
    scene.befriend("ann", "bob");
    scene.set("bob", true);
    scene.push.affected([{ users: ["bob", "ann"], others: ["ann", "bob"] }]);
    await scene.settle();
    assert.deepEqual(ann.told(), ["snapshot bob+"]);
  });

  test("an answer that was overtaken by a change shows nobody, neither on connect nor on subscribe", async () => {
    for (const isSubscribe of [false, true]) {
      const scene = new PushScene({ limits: { interestMax: isSubscribe ? 1 : 3, watchedMax: 4, lookupMax: 100 } });
      scene.befriend("ann", "zoe");
      scene.befriend("ann", "bob");
      if (isSubscribe) scene.truth.set("bob", scene.dot("bob", true, scene.clock.nowUs()));
      const answer = Promise.withResolvers<void>();
      if (!isSubscribe) scene.directoryHolds = answer.promise;
      const ann = scene.connect("ann");
      await scene.settle();
      if (isSubscribe) {
        ann.told();
        scene.directoryHolds = answer.promise;
        ann.subscribe(["bob"]);
        await scene.settle();
      }
      scene.part("ann", "bob");
      answer.resolve();
      await scene.settle();
      assert.ok(!ann.told().some((frame) => /(snapshot|presence).*bob/.test(frame)));
    }
  });

  test("a subscription to somebody who may not be seen is told so", async () => {
    const scene = new PushScene();
    scene.befriend("ann", "bob");
    const ann = scene.connect("ann");
    await scene.settle();
    ann.told();
    ann.subscribe(["stranger", "bob"]);
    await scene.settle();
    assert.deepEqual(ann.told(), ["hidden stranger", "snapshot bob-"]);
  });

  test("all are looked at again when nobody knows what changed", async () => {
    const scene = new PushScene();
    scene.befriend("ann", "bob");
    const ann = scene.connect("ann");
    await scene.settle();
    ann.told();
    scene.visible.clear();
    scene.befriend("ann", "cid");
    scene.push.lookAgain();
    await scene.settle();
    assert.deepEqual(ann.told().sort(), ["hidden bob", "snapshot cid-"]);
  });
});

describe("what the feed did not tell", () => {
  async function watching() {
    const scene = new PushScene({ reconcileEveryMs: 10_000 });
    scene.befriend("ann", "bob", "cid");
    const ann = scene.connect("ann");
    await scene.settle();
    ann.told();
    scene.lookups.length = 0;
    return { scene, ann };
  }

  test("is looked up after a gap, and only differences are told", async () => {
    const { scene, ann } = await watching();
    scene.set("bob", true);
    scene.push.gap();
    await scene.settle();
    assert.deepEqual(ann.told(), ["presence bob+"]);
    scene.push.gap();
    await scene.settle();
    assert.deepEqual(ann.told(), []);
    assert.deepEqual(scene.lookups, [
      ["bob", "cid"],
      ["bob", "cid"],
    ]);
  });

  test("is looked up after a reset, for those of the shard who were not restated", async () => {
    const { scene, ann } = await watching();
    scene.tell("bob", true);
    scene.tell("cid", true);
    await scene.settle();
    ann.told();
    const begin = (scene.truth.get("cid")?.version ?? 0) + 5_000;
    scene.truth.set("bob", scene.dot("bob", false, begin + 1));
    scene.push.update({ ...scene.dot("cid", true, begin + 2), cause: 6 });
    scene.push.reset(0, begin);
    scene.push.reset(7, begin);
    await scene.settle();
    assert.deepEqual(scene.lookups, [["bob"]]);
    assert.deepEqual(ann.told(), ["presence bob-"]);
  });

  test("is found by the slow pass, which comes by everyone once in its time", async () => {
    const { scene, ann } = await watching();
    scene.set("bob", true);
    await scene.clock.advance(10_000);
    assert.deepEqual(ann.told(), ["presence bob+"]);
    assert.ok(scene.lookups.length <= 10 && scene.lookups.every((page) => page.length === 1));
  });

  test("nobody turns grey by the answers of a presence that is recovering", async () => {
    const { scene, ann } = await watching();
    scene.tell("bob", true);
    await scene.settle();
    ann.told();
    scene.isRecovering = true;
    scene.set("bob", false);
    scene.push.gap();
    await scene.settle();
    assert.deepEqual(ann.told(), []);
    scene.isRecovering = false;
    scene.push.gap();
    await scene.settle();
    assert.deepEqual(ann.told(), ["presence bob-"]);
  });

  test("a presence that lost its data is believed, with a version that clients take for newer", async () => {
    const { scene, ann } = await watching();
    scene.tell("bob", true);
    await scene.settle();
    ann.told();
    const known = scene.truth.get("bob")?.version ?? 0;
    scene.truth.set("bob", scene.dot("bob", false, 1));
    scene.push.gap();
    await scene.settle();
    assert.deepEqual(ann.told(), ["presence bob-"]);
    const frame = ann.outlet.frames.at(-1);
    assert.ok(frame?.kind === "presence" && frame.dots[0]?.version === known + 1);
  });

  test("who subscribes again is answered in two seconds, also when presence is away", async () => {
    const { scene, ann } = await watching();
    scene.isPresenceAway = true;
    ann.subscribe(["bob"]);
    await scene.clock.advance(1_900);
    assert.deepEqual(ann.told(), []);
    await scene.clock.advance(200);
    assert.deepEqual(ann.told(), ["snapshot bob-"]);
  });
});

describe("dots that may not be current", () => {
  /** Ann's page while presence is away for long enough. */
  async function inOutage() {
    const scene = new PushScene();
    scene.befriend("ann", "bob");
    const ann = scene.connect("ann");
    await scene.settle();
    scene.isPresenceAway = true;
    await scene.clock.advance(9_000);
    return { scene, ann };
  }

  test("are told to be so once, also to sockets that open meanwhile, and to be current after those that make it true", async () => {
    const { scene, ann } = await inOutage();
    assert.deepEqual(ann.told(), ["snapshot bob-", "stale"]);
    const bob = scene.connect("bob");
    await scene.settle();
    assert.deepEqual(bob.told(), ["stale"]);
    scene.set("bob", true);
    scene.isPresenceAway = false;
    await scene.clock.advance(10_000);
    assert.deepEqual(ann.told(), ["presence bob+", "current"]);
    assert.deepEqual(bob.told().slice(-2), ["snapshot ann-", "current"]);
    const { isStale, staleTimes } = scene.push.figures;
    assert.deepEqual({ isStale, staleTimes }, { isStale: false, staleTimes: 1 });
  });

  test("are told to be so too when no changes are heard, and a blip is not told", async () => {
    const scene = new PushScene();
    scene.befriend("ann", "bob");
    const ann = scene.connect("ann");
    await scene.settle();
    ann.told();
    scene.hears = false;
    await scene.clock.advance(4_000);
    scene.hears = true;
    await scene.clock.advance(4_000);
    assert.deepEqual(ann.told(), []);
    scene.hears = false;
    await scene.clock.advance(7_000);
    assert.deepEqual(ann.told(), ["stale"]);
    scene.hears = true;
    await scene.clock.advance(1_000);
    assert.deepEqual(ann.told(), ["current"]);
  });

  test("are not told of to a socket that did not read it before it was over", async () => {
    const scene = new PushScene({ slowMs: 60_000 });
    scene.befriend("ann", "bob");
    const ann = scene.connect("ann");
    ann.outlet.isHeld = true;
    await scene.settle();
    ann.told();
    scene.isPresenceAway = true;
    await scene.clock.advance(9_000);
    assert.equal(scene.push.figures.isStale, true);
    scene.isPresenceAway = false;
    await scene.clock.advance(10_000);
    ann.outlet.isHeld = false;
    ann.outlet.release();
    await scene.settle();
    assert.deepEqual([ann.told(), scene.push.figures.isStale], [[], false]);
  });

  test("stay so for a socket that has had no snapshot yet", async () => {
    const { scene } = await inOutage();
    scene.isDirectoryAway = true;
    const bob = scene.connect("bob");
    scene.isPresenceAway = false;
    await scene.clock.advance(10_000);
    assert.deepEqual([bob.told(), scene.push.figures.isStale], [["stale"], false]);
    scene.isDirectoryAway = false;
    await scene.clock.advance(10_000);
    assert.deepEqual(bob.told(), ["snapshot ann-", "current"]);
  });
});

describe("a user of whom presence cannot tell", () => {
  test("stays as he is known, holds up nobody else, and is shown as soon as something is heard of him", async () => {
    const scene = new PushScene();
    scene.befriend("ann", "bob", "cid");
    scene.set("cid", true);
    scene.unknown.add("bob");
    const ann = scene.connect("ann");
    await scene.settle();
    assert.deepEqual(ann.told(), ["snapshot cid+"]);
    scene.unknown.add("cid");
    scene.push.gap();
    await scene.settle();
    ann.subscribe(["bob", "cid"]);
    await scene.settle();
    assert.deepEqual(ann.told(), ["snapshot cid+"]);
    scene.tell("bob", true);
    await scene.settle();
    assert.deepEqual(ann.told(), ["presence bob+"]);
  });

  test("is looked up for sockets that wait, and for none that has closed", async () => {
    const scene = new PushScene();
    scene.befriend("ann", "bob", "cid");
    scene.isPresenceAway = true;
    scene.connect("ann");
    await scene.settle();
    const bob = scene.connect("bob");
    await scene.settle();
    assert.equal(scene.push.figures.lookups.waiting, 2);
    bob.close();
    assert.equal(scene.push.figures.lookups.waiting, 0);
  });
});

describe("a device that comes or goes while its user stays online", () => {
  async function withBobOnline() {
    const scene = new PushScene();
    scene.befriend("ann", "bob", "cid");
    const bob = scene.set("bob", true);
    const setDevices = (...devices: string[]) => scene.truth.set("bob", { ...bob, devices });
    setDevices("phone");
    const ann = scene.connect("ann");
    await scene.settle();
    const devices = () =>
      ann.outlet.frames.flatMap((frame) => ("dots" in frame ? frame.dots.map((dot) => dot.devices) : []));
    return { scene, ann, bob, setDevices, devices };
  }

  test("is looked up once, however often it is told, and told as a snapshot of the same version", async () => {
    const { scene, ann, bob, setDevices, devices } = await withBobOnline();
    ann.told();
    setDevices("laptop", "phone");
    for (let times = 0; times < 3; times++) scene.push.devicesChanged("bob");
    await scene.settle();
    assert.deepEqual(ann.told(), ["snapshot bob+"]);
    assert.deepEqual(devices().at(-1), ["laptop", "phone"]);
    const told = ann.outlet.frames.at(-1);
    assert.deepEqual(told !== undefined && "dots" in told && told.dots.map(({ version }) => version), [bob.version]);
    assert.ok(scene.lookups.length <= 3);
    setDevices("phone");
    scene.push.devicesChanged("bob");
    await scene.settle();
    assert.deepEqual(devices().at(-1), ["phone"]);
    scene.push.devicesChanged("bob");
    await scene.settle();
    assert.equal(ann.told().length, 1);
  });

  test("is found by reconciliation when it was not told", async () => {
    const { scene, ann, setDevices, devices } = await withBobOnline();
    ann.told();
    setDevices("laptop", "phone");
    scene.push.gap();
    await scene.settle();
    assert.deepEqual([ann.told(), devices().at(-1)], [["snapshot bob+"], ["laptop", "phone"]]);
  });

  test("is not asked about for somebody who is offline or whom nobody watches", async () => {
    const { scene } = await withBobOnline();
    const before = scene.lookups.length;
    scene.push.devicesChanged("cid");
    scene.push.devicesChanged("dan");
    await scene.settle();
    assert.equal(scene.lookups.length, before);
  });

  test("is told to nobody who may no longer see the user", async () => {
    const { scene, ann, setDevices } = await withBobOnline();
    ann.told();
    setDevices("laptop", "phone");
    scene.isDirectoryAway = true;
    scene.part("ann", "bob");
    scene.push.devicesChanged("bob");
    await scene.settle();
    assert.deepEqual(ann.told(), []);
    scene.isDirectoryAway = false;
    await scene.clock.advance(5_000);
    assert.deepEqual(ann.told(), ["hidden bob"]);
  });

  test("is in the first snapshot of a socket that opens meanwhile, and is not taken for it", async () => {
    const { scene, setDevices } = await withBobOnline();
    const held = Promise.withResolvers<void>();
    scene.directoryHolds = held.promise;
    const other = scene.connect("cid");
    setDevices("laptop", "phone");
    scene.push.devicesChanged("bob");
    await scene.settle();
    assert.deepEqual(other.told(), []);
    held.resolve();
    await scene.settle();
    assert.deepEqual(other.told(), ["snapshot ann- bob+"]);
  });
});
