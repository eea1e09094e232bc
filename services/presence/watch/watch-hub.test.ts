import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LeaseNotice } from "../domain/lease-notice.ts";
import { sampleTransition } from "../domain/transition.sample.ts";
import type { LeaseWatcher } from "./lease-watcher.ts";
import { WatchHub } from "./watch-hub.ts";
import type { Watcher } from "./watcher.ts";

function openWatch(hub: WatchHub, userIds: string[] = []): Watcher {
  const watcher = hub.open(userIds);
  assert.ok(watcher);
  return watcher;
}

function openLease(hub: WatchHub, leaseId = "L"): LeaseWatcher {
  const watcher = hub.openLease(leaseId);
  assert.ok(watcher);
  return watcher;
}

function supersededOf(userId: string, leaseId = "L"): LeaseNotice {
  return { kind: "superseded", leaseId, session: { userId, deviceId: "phone", sessionId: "5.c1" } };
}

describe("watching", () => {
  test("a watcher receives updates of its users only", async () => {
    const hub = new WatchHub(() => 0);
    const watcher = openWatch(hub, ["alice"]);
    hub.entry(sampleTransition(1, { userId: "bob" }));
    hub.entry(sampleTransition(2, { userId: "alice" }));
    assert.deepEqual(await watcher.next(10), { kind: "updates", updates: [sampleTransition(2)] });
  });

  test("a slow reader gets the latest state, not a queue", async () => {
    const hub = new WatchHub(() => 0);
    const watcher = openWatch(hub);
    for (let version = 1; version <= 1_000; version++) {
      hub.entry(sampleTransition(version, { online: version % 2 === 1 }));
    }
    const news = await watcher.next(10);
    assert.deepEqual(news, { kind: "updates", updates: [sampleTransition(1_000, { online: false })] });
  });

  test("a slow watcher of all users is reset when too many are pending, and receives later updates", async () => {
    const hub = new WatchHub(() => 0);
    const watcher = openWatch(hub);
    for (let user = 0; user <= 100_000; user++) hub.entry(sampleTransition(user + 1, { userId: `user-${user}` }));
    assert.deepEqual(await watcher.next(10), { kind: "reset" });
    hub.entry(sampleTransition(200_000));
    assert.deepEqual(await watcher.next(10), { kind: "updates", updates: [sampleTransition(200_000)] });
  });

  test("a gap resets only watchers of users of that shard", async () => {
    const hub = new WatchHub((userId) => (userId === "alice" ? 0 : 1));
    const alice = openWatch(hub, ["alice"]);
    const bob = openWatch(hub, ["bob"]);
    hub.gap(0);
    hub.entry(sampleTransition(1, { userId: "bob", shard: 1 }));
    assert.deepEqual(await alice.next(10), { kind: "reset" });
    assert.equal((await bob.next(10))?.kind, "updates");
  });

  test("a watcher is told whenever a shard of its users begins to recover, and is reset when the last has recovered", async () => {
    const hub = new WatchHub((userId) => (userId === "alice" ? 0 : 1));
    const [alice, everyone] = [openWatch(hub, ["alice"]), openWatch(hub)];
    hub.recovering(0);
    hub.recovering(1);
    hub.recovering(0);
    hub.entry(sampleTransition(1));
    for (const watcher of [alice, everyone]) {
      assert.equal(watcher.isRecovering, true);
      assert.deepEqual(await watcher.next(10), { kind: "recovering" });
      assert.equal((await watcher.next(10))?.kind, "updates", "changes go on meanwhile");
    }
    hub.recovering(1);
    assert.deepEqual(await everyone.next(10), { kind: "recovering" });
    hub.recovered(0);
    assert.deepEqual([alice.isRecovering, everyone.isRecovering], [false, true]);
    assert.deepEqual(await alice.next(10), { kind: "reset" });
    hub.entry(sampleTransition(2));
    assert.equal((await everyone.next(10))?.kind, "updates", "another shard of its users still recovers");
    hub.recovered(1);
    assert.deepEqual(await everyone.next(10), { kind: "reset" });
    hub.entry(sampleTransition(3));
    assert.equal((await alice.next(10))?.kind, "updates", "the other shard is no shard of hers");
  });

  test("a watcher that opens while a shard recovers is reset at the end, too", async () => {
    const hub = new WatchHub((userId) => (userId === "alice" ? 0 : 1));
    hub.recovering(0);
    const [alice, bob] = [openWatch(hub, ["alice"]), openWatch(hub, ["bob"])];
    assert.deepEqual([alice.isRecovering, bob.isRecovering], [true, false]);
    hub.recovered(0);
    hub.entry(sampleTransition(1, { userId: "bob", shard: 1 }));
    assert.deepEqual(await alice.next(10), { kind: "reset" });
    assert.equal((await bob.next(10))?.kind, "updates");
  });

  test("a gap, and the end, reach a watcher once, however many users it watches", () => {
    const hub = new WatchHub(() => 0);
    const watcher = openWatch(
      hub,
      Array.from({ length: 1_000 }, (_, user) => `user-${user}`),
    );
    let calls = 0;
    watcher.gap = () => calls++;
    watcher.close = () => calls++;
    hub.gap(0);
    hub.closeAll();
    assert.equal(calls, 2);
  });

  test("updates come in messages of bounded size", async () => {
    const hub = new WatchHub(() => 0);
    const watcher = openWatch(hub);
    for (const userId of ["a", "b", "c"]) hub.entry(sampleTransition(1, { userId }));
    const sizes = [await watcher.next(2), await watcher.next(2)].map((news) =>
      news?.kind === "updates" ? news.updates.length : 0,
    );
    assert.deepEqual(sizes, [2, 1]);
  });

  test("a device watcher receives each user once, in messages of bounded size, until it is closed", async () => {
    const hub = new WatchHub(() => 0, 1);
    const watcher = hub.openDevices();
    assert.ok(watcher);
    assert.equal(hub.openDevices(), undefined);
    assert.equal(hub.openLease("L"), undefined);
    assert.equal(hub.open([]), undefined);
    for (const user of ["ann", "bob", "ann", "cid"]) hub.devicesChanged(user);
    assert.deepEqual([await watcher.next(2), await watcher.next(2)], [["ann", "bob"], ["cid"]]);
    const waiting = watcher.next(2);
    hub.devicesChanged("ann");
    assert.deepEqual(await waiting, ["ann"]);
    for (let user = 0; user <= 100_000; user++) hub.devicesChanged(`user-${user}`);
    assert.equal((await watcher.next(1_000_000))?.length, 100_000);
    const last = watcher.next(2);
    hub.closeAll();
    assert.deepEqual([await last, hub.size], [undefined, 0]);
  });

  test("notices for a lease reach everybody who watches it, in order and in messages of bounded size", async () => {
    const hub = new WatchHub(() => 0);
    const [one, other, stranger] = [openLease(hub), openLease(hub), openLease(hub, "M")];
    const notices = ["a", "b", "c"].map((userId) => supersededOf(userId));
    for (const notice of notices) hub.leaseNotice(notice);
    for (const watcher of [one, other]) {
      assert.deepEqual(await watcher.next(2), { notices: notices.slice(0, 2), verify: false, refusal: undefined });
      assert.deepEqual(await watcher.next(2), { notices: notices.slice(2), verify: false, refusal: undefined });
    }
    other.close();
    const waiting = stranger.next(2);
    hub.leaseNotice(supersededOf("d", "M"));
    assert.deepEqual(await waiting, { notices: [supersededOf("d", "M")], verify: false, refusal: undefined });
    hub.leaseNotice(supersededOf("e"));
    assert.equal((await one.next(2))?.notices.length, 1);
    assert.equal(await other.next(2), undefined);
    assert.deepEqual(hub.leaseNews, { superseded: 8, closed: 0, verify: 0 });
    const last = stranger.next(2);
    hub.closeAll();
    assert.deepEqual([await last, hub.size], [undefined, 0]);
  });

  test("sessions that were closed for different reasons are told in different messages", async () => {
    const hub = new WatchHub(() => 0);
    const watcher = openLease(hub);
    const closed = (userId: string, reason: string) =>
      ({ ...supersededOf(userId), kind: "closed", refusal: { reason, leftMs: undefined } }) as const;
    const notices = [closed("a", "one"), supersededOf("b"), closed("c", "one"), closed("d", "two")];
    for (const notice of notices) hub.leaseNotice(notice);
    const [first, second] = [await watcher.next(10), await watcher.next(10)];
    assert.deepEqual([first?.notices, first?.refusal?.reason], [notices.slice(0, 3), "one"]);
    assert.deepEqual([second?.notices, second?.refusal?.reason], [notices.slice(3), "two"]);
  });

  test("whoever may have missed notices for a lease is told to verify, once", async () => {
    const hub = new WatchHub(() => 0);
    const watcher = openLease(hub);
    const isTold = async () => {
      assert.deepEqual(await watcher.next(10), { notices: [], verify: true, refusal: undefined });
      hub.leaseNotice(supersededOf("anna"));
      assert.deepEqual(await watcher.next(10), { notices: [supersededOf("anna")], verify: false, refusal: undefined });
    };
    hub.noticesMissed();
    hub.noticesMissed();
    await isTold();
    hub.recovering(0);
    await isTold();
    for (let user = 0; user <= 10_000; user++) hub.leaseNotice(supersededOf(`user-${user}`));
    assert.deepEqual(await watcher.next(10), {
      notices: [supersededOf("user-10000")],
      verify: true,
      refusal: undefined,
    });
    assert.equal(hub.leaseNews.verify, 3);
  });

  test("closing wakes the reader and makes room for another", async () => {
    const hub = new WatchHub(() => 0, 1);
    const watcher = openWatch(hub, ["alice"]);
    assert.equal(hub.open(["bob"]), undefined);
    const waiting = watcher.next(10);
    watcher.close();
    watcher.close();
    assert.equal(await waiting, undefined);
    assert.equal(hub.size, 0);
    openWatch(hub, ["bob"]);
  });
});
