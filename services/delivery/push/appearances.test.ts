import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ShownUser } from "./shown-user.ts";
import { PushHarness } from "./testing/push-harness.ts";

/** Ann and cid watch bob, who came from a phone, unless he is told to be away. */
async function watchingBob(options: { readonly isAway?: boolean } = {}) {
  const harness = new PushHarness();
  harness.befriend("ann", "bob");
  harness.befriend("cid", "bob");
  const [ann, cid] = [harness.connect("ann"), harness.connect("cid")];
  await harness.settle();
  harness.come("bob", "phone");
  if (options.isAway) harness.tell("bob", false);
  await harness.settle();
  const news = () => [ann, cid].map((socket) => socket.received());
  news();
  return { harness, ann, cid, news };
}

function lastOf(socket: ReturnType<PushHarness["connect"]>): ShownUser | undefined {
  return socket.sink.frames.flatMap((frame) => ("dots" in frame ? frame.dots : [])).at(-1);
}

const wallMs = ({ clock }: PushHarness) => Math.floor(clock.nowUs() / 1_000);

describe("who hides (P9)", () => {
  test("is told to have logged out at that moment, and nothing that it does afterwards puts a socket into a turn", async () => {
    const { harness, ann, news } = await watchingBob();
    harness.say("bob", { invisible: true });
    const sinceMs = wallMs(harness);
    await harness.settle();
    assert.deepEqual(news(), [["presence bob-"], ["presence bob-"]]);
    const { lastSeenMs, cause, deviceId, atUs, devices } = lastOf(ann) ?? {};
    assert.deepEqual([lastSeenMs, cause, deviceId, atUs, devices], [sinceMs, 3, "phone", sinceMs * 1_000, []]);
    const { framesBuilt } = harness.push.metrics;
    const { policyQuestions } = harness;
    const lookups = harness.lookups.length;
    harness.tell("bob", false);
    harness.come("bob", "tv");
    harness.tellStatus("bob", { text: "here" });
    harness.push.devicesChanged("bob");
    assert.equal(harness.push.metrics.busySockets, 0);
    await harness.settle();
    assert.deepEqual([news(), harness.push.metrics.framesBuilt], [[[], []], framesBuilt]);
    const asked = [harness.policyQuestions, harness.lookups.length];
    assert.deepEqual(asked, [policyQuestions, lookups], "nobody is asked, so that nobody else waits");
  });

  test("while away stays as it was, and no frame says so", async () => {
    const { harness, ann, news } = await watchingBob({ isAway: true });
    const before = lastOf(ann);
    await harness.clock.advance(1_000);
    harness.say("bob", { invisible: true });
    harness.tell("bob", true);
    harness.tell("bob", false);
    await harness.settle();
    assert.deepEqual(news(), [[], []]);
    const other = harness.connect("ann");
    await harness.settle();
    assert.deepEqual([other.received(), lastOf(other)?.lastSeenMs], [["snapshot bob-"], before?.lastSeenMs]);
  });

  test("is shown the same by a gateway that starts later", async () => {
    const { harness, ann } = await watchingBob();
    harness.say("bob", { invisible: true });
    await harness.settle();
    await harness.clock.advance(60_000);
    const later = new PushHarness({ policies: harness.policies });
    later.befriend("ann", "bob");
    later.set("bob", true);
    const other = later.connect("ann");
    await later.settle();
    assert.deepEqual([lastOf(other)?.online, lastOf(other)?.lastSeenMs], [false, lastOf(ann)?.lastSeenMs]);
  });

  test("is told to come when it shows itself, with one device, and then with all", async () => {
    const { harness, ann, news } = await watchingBob();
    harness.say("bob", { invisible: true });
    await harness.settle();
    news();
    const bob = harness.truth.get("bob");
    assert.ok(bob);
    harness.truth.set("bob", { ...bob, devices: ["phone", "tv"] });
    await harness.clock.advance(60_000);
    const answer = Promise.withResolvers<void>();
    harness.presenceHolds = answer.promise;
    harness.say("bob", { invisible: false });
    await harness.settle();
    assert.deepEqual(news(), [["presence bob+"], ["presence bob+"]]);
    answer.resolve();
    await harness.settle();
    assert.deepEqual(news(), [["snapshot bob+"], ["snapshot bob+"]]);
    const frame = ann.sink.frames.at(-2);
    const shown = frame?.kind === "presence" ? frame.dots[0] : undefined;
    assert.deepEqual([shown?.cause, shown?.atUs, shown?.devices], [1, wallMs(harness) * 1_000, ["phone"]]);
    assert.deepEqual(lastOf(ann)?.devices, ["phone", "tv"]);
  });

  test("and leaves before it shows itself stays as it was when it hid, until it is online again", async () => {
    const { harness, ann, news } = await watchingBob();
    harness.say("bob", { invisible: true });
    await harness.settle();
    news();
    const hidden = lastOf(ann);
    await harness.clock.advance(60_000);
    harness.tell("bob", false);
    harness.say("bob", { invisible: false });
    await harness.settle();
    assert.deepEqual(news(), [[], []]);
    assert.equal((await harness.policies.policiesOf(["bob"])).get("bob")?.hidden?.lastSeenMs, hidden?.lastSeenMs);
    harness.come("bob", "tv");
    await harness.settle();
    assert.deepEqual(news(), [["presence bob+"], ["presence bob+"]]);
    assert.deepEqual([lastOf(ann)?.cause, lastOf(ann)?.deviceId], [1, "tv"]);
    assert.equal((await harness.policies.policiesOf(["bob"])).get("bob")?.hidden, undefined);
  });

  test("is told to come with a device also where the feed told of none", async () => {
    const { harness, ann, news } = await watchingBob({ isAway: true });
    harness.say("bob", { invisible: true });
    await harness.settle();
    harness.truth.set("bob", { ...harness.set("bob", true), devices: ["phone"] });
    harness.tellStatus("bob", { text: "here" });
    await harness.settle();
    assert.deepEqual([news(), harness.lookups.at(-1)], [[[], []], ["bob"]]);
    harness.say("bob", { invisible: false });
    await harness.settle();
    assert.deepEqual([news(), lastOf(ann)?.deviceId], [[["presence bob+"], ["presence bob+"]], "phone"]);
  });

  test("and shows itself is followed until it is back, though nobody looks", async () => {
    const { harness, ann, cid } = await watchingBob({ isAway: true });
    for (const socket of [ann, cid]) socket.close();
    await harness.clock.advance(1_000);
    const hidden = async () => (await harness.policies.policiesOf(["bob"])).get("bob")?.hidden;
    harness.say("bob", { invisible: true });
    await harness.settle();
    harness.say("bob", { invisible: false });
    await harness.settle();
    assert.notEqual(await hidden(), undefined);
    harness.come("bob", "phone");
    await harness.settle();
    assert.equal(await hidden(), undefined);
  });

  test("keeps the text that stood, until that is over", async () => {
    const { harness, ann, news } = await watchingBob();
    harness.tellStatus("bob", { availability: "busy", text: "at lunch", untilMs: wallMs(harness) + 5_000 });
    await harness.settle();
    harness.say("bob", { invisible: true });
    await harness.settle();
    assert.deepEqual([lastOf(ann)?.status.text, lastOf(ann)?.status.availability], ["at lunch", undefined]);
    news();
    await harness.clock.advance(4_000);
    assert.deepEqual(news(), [[], []]);
    await harness.clock.advance(2_000);
    assert.deepEqual(news(), [["presence bob-"], ["presence bob-"]]);
    assert.equal(lastOf(ann)?.status.text, "");
  });

  test("is seen by roles that see through", async () => {
    const { harness } = await watchingBob();
    const moderator = harness.connect("ann", new Set(["moderator"]));
    harness.say("bob", { invisible: true });
    await harness.settle();
    assert.equal(lastOf(moderator)?.online, true);
  });

  test("makes no snapshot come earlier by coming before presence answered", async () => {
    const { harness } = await watchingBob();
    harness.say("bob", { invisible: true });
    await harness.settle();
    const later = new PushHarness({ policies: harness.policies });
    for (const viewer of ["ann", "cid"]) later.befriend(viewer, "bob");
    const answer = Promise.withResolvers<void>();
    later.presenceHolds = answer.promise;
    later.connect("ann");
    await later.settle();
    later.come("bob", "phone");
    const cid = later.connect("cid");
    await later.settle();
    assert.deepEqual(cid.received(), []);
    answer.resolve();
    for (let turn = 0; turn < 3; turn++) await later.settle();
    assert.deepEqual(cid.received(), ["snapshot bob-"]);
  });

  test("is in the snapshot of a gateway that starts while presence recovers once presence could know it", async () => {
    const { harness } = await watchingBob();
    harness.say("bob", { invisible: true });
    await harness.settle();
    const later = new PushHarness({ policies: harness.policies });
    later.befriend("ann", "bob");
    later.set("bob", true);
    later.isRecovering = true;
    const other = later.connect("ann");
    await later.clock.advance(3_000);
    assert.deepEqual(other.received(), ["snapshot"]);
    later.isRecovering = false;
    await later.clock.advance(2_000);
    assert.deepEqual(other.received(), ["presence bob-"]);
  });
});

describe("who shows itself to some", () => {
  test("is offline, without more, to the others, and each field is one of its own", async () => {
    const { harness, ann, cid, news } = await watchingBob();
    harness.say("bob", { hide: new Set(["cid"]), devices: "nobody" });
    await harness.settle();
    assert.deepEqual(news(), [["presence bob+"], ["presence bob-"]]);
    assert.deepEqual([lastOf(ann)?.devices, lastOf(ann)?.deviceId], [undefined, ""]);
    assert.deepEqual([lastOf(cid)?.lastSeenMs, lastOf(cid)?.cause, lastOf(cid)?.devices], [0, 0, []]);
    harness.tell("bob", false);
    await harness.settle();
    assert.deepEqual(news(), [["presence bob-"], []]);
  });

  test("is shown to a contact as soon as it has the viewer as one, and no longer than that", async () => {
    const { harness, news } = await watchingBob();
    harness.policies.contacts.add("bob ann");
    harness.say("bob", { online: "contacts" });
    await harness.settle();
    assert.deepEqual(news(), [[], ["presence bob-"]]);
    harness.policies.contacts.add("bob cid");
    harness.push.affected([{ users: ["bob"], others: ["cid"] }]);
    harness.policies.contacts.delete("bob ann");
    harness.push.affected([{ users: ["bob"], others: ["ann"] }]);
    await harness.settle();
    assert.deepEqual(news(), [["presence bob-"], ["presence bob+"]]);
  });

  test("and wants the same in return is not shown to those who do not show it", async () => {
    const { harness, ann, news } = await watchingBob({ isAway: true });
    harness.say("bob", { reciprocal: true });
    await harness.settle();
    news();
    harness.say("ann", { lastSeen: "nobody" });
    await harness.settle();
    assert.deepEqual([news(), lastOf(ann)?.lastSeenMs], [[["presence bob-"], []], 0]);
  });
});

test("users in a frame are in the order of their ids, whoever's policy was found first", async () => {
  const { harness, ann, news } = await watchingBob({ isAway: true });
  harness.befriend("ann", "cid");
  harness.push.affected([{ users: ["ann"], others: ["cid"] }]);
  harness.say("bob", { status: "nobody" });
  await harness.settle();
  news();
  harness.tell("bob", true);
  harness.tell("cid", true);
  await harness.settle();
  assert.deepEqual(ann.received(), ["presence bob+ cid+"]);
});

describe("who showed itself to contacts, and now wants the same in return", () => {
  test("is not shown to contacts who do not show it", async () => {
    const { harness, ann, news } = await watchingBob({ isAway: true });
    harness.policies.contacts.add("bob ann");
    harness.say("ann", { lastSeen: "nobody" });
    harness.say("bob", { lastSeen: "contacts" });
    await harness.settle();
    assert.notEqual(lastOf(ann)?.lastSeenMs, 0);
    news();
    await harness.clock.advance(1_000);
    harness.say("bob", { reciprocal: true });
    await harness.settle();
    assert.deepEqual([news()[0], lastOf(ann)?.lastSeenMs], [["presence bob-"], 0]);
  });
});

describe("a policy that has to be read", () => {
  test("holds back who comes, and shows what was shown until then", async () => {
    const { harness, news } = await watchingBob({ isAway: true });
    const answer = Promise.withResolvers<void>();
    harness.policiesHold = answer.promise;
    harness.policies.say("bob", { invisible: true });
    harness.tell("bob", true);
    await harness.settle();
    assert.deepEqual(news(), [[], []]);
    answer.resolve();
    await harness.settle();
    assert.deepEqual(news(), [[], []]);
  });

  test("holds back who is known for the first time", async () => {
    const harness = new PushHarness();
    harness.befriend("ann", "bob");
    harness.unknown.add("bob");
    const ann = harness.connect("ann");
    await harness.settle();
    harness.policies.say("bob", { online: "nobody" });
    harness.tell("bob", true);
    await harness.settle();
    assert.ok(!ann.received().some((frame) => frame.includes("bob+")));
  });

  test("and may have changed holds back all of its user, also from first snapshots, which omit nobody", async () => {
    const { harness, news } = await watchingBob();
    const answer = Promise.withResolvers<void>();
    harness.policiesHold = answer.promise;
    harness.say("bob", { online: "nobody" });
    harness.tell("bob", false);
    const other = harness.connect("ann");
    await harness.settle();
    assert.deepEqual([news(), other.received()], [[[], []], []]);
    answer.resolve();
    await harness.settle();
    assert.deepEqual([news(), other.received()], [[["presence bob-"], ["presence bob-"]], ["snapshot bob-"]]);
  });

  test("and may have changed holds back what a slow network has yet to take", async () => {
    const { harness, ann, news } = await watchingBob({ isAway: true });
    ann.sink.isHeld = true;
    harness.tell("bob", true);
    await harness.settle();
    harness.tellStatus("bob", { text: "here" });
    await harness.settle();
    news();
    const answer = Promise.withResolvers<void>();
    harness.policiesHold = answer.promise;
    harness.say("bob", { online: "nobody" });
    ann.sink.isHeld = false;
    ann.sink.release();
    await harness.settle();
    assert.deepEqual(news()[0], []);
    answer.resolve();
    await harness.settle();
    assert.deepEqual(news()[0], ["presence bob-"]);
  });

  test("and cannot be read makes dots stale, whoever comes and goes, or nobody", async () => {
    const { harness, ann } = await watchingBob();
    harness.arePoliciesAway = true;
    await harness.clock.advance(8_000);
    assert.deepEqual(ann.received(), ["stale"]);
    harness.arePoliciesAway = false;
    await harness.clock.advance(10_000);
    assert.deepEqual(ann.received(), ["current"]);
  });

  test("is read again for all when nobody knows which ones changed", async () => {
    const { harness, news } = await watchingBob();
    harness.policies.say("bob", { online: "nobody" });
    harness.push.recheckPolicies();
    await harness.settle();
    assert.deepEqual(news(), [["presence bob-"], ["presence bob-"]]);
  });
});

test("versions are of the directory's clock, and above all that were sent before", async () => {
  const { harness, ann } = await watchingBob();
  const versions = () => ann.sink.frames.flatMap((frame) => ("version" in frame ? frame.version : []));
  harness.tell("bob", false);
  await harness.settle();
  harness.tell("bob", true);
  await harness.settle();
  assert.deepEqual(
    versions(),
    [...new Set(versions())].toSorted((one, other) => one - other),
  );
  await harness.clock.advance(60_000);
  harness.tell("bob", false);
  await harness.settle();
  assert.equal(versions().at(-1), harness.policies.nowUs());
});
