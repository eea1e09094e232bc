import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import type { AffectedPairs, AudienceChange, AudienceDirectory, BatchOrigin } from "../directory.ts";
import { beforeAllRecords } from "../directory.ts";
import { visibilityAfter } from "./oracle.ts";
import { type RandomHistory, randomHistory, users } from "./random-history.ts";
import { SimulatedGateway } from "./simulated-gateway.ts";

interface DirectoryHarness {
  /** Two gateways' directories over the same, empty data; in memory one and the same. */
  readonly directories: readonly [AudienceDirectory, AudienceDirectory];
  /** Forgets everything. */
  empty(): Promise<void>;
  close(): Promise<void>;
}

/** What every AudienceDirectory promises. */
export function directoryContract(open: () => Promise<DirectoryHarness>, options: { randomRuns: number }): void {
  const scene = (name: string, run: (directory: AudienceDirectory, other: AudienceDirectory) => Promise<void>) =>
    test(name, async () => {
      const harness = await open();
      try {
        await run(...harness.directories);
      } finally {
        await harness.close();
      }
    });

  scene(
    "who shares a conversation sees each other, until one leaves the last one that they share",
    async (directory) => {
      await happen(directory, created(1, "room", "ann", "bob"), created(2, "club", "ann", "bob", "cid"));
      assert.deepEqual(await whomSees(directory, "ann"), ["bob", "cid"]);
      assert.deepEqual(await whomSees(directory, "cid"), ["ann", "bob"]);
      await happen(directory, left(3, "room", "bob"));
      assert.deepEqual(await whomSees(directory, "ann"), ["bob", "cid"]);
      await happen(directory, left(4, "club", "bob"));
      assert.deepEqual(await whomSees(directory, "ann"), ["cid"]);
      assert.deepEqual(await whomSees(directory, "bob"), []);
      await happen(directory, joined(5, "room", "bob"));
      assert.deepEqual(await whomSees(directory, "bob"), ["ann"]);
    },
  );

  scene("a conversation that is created again keeps its members", async (directory) => {
    await happen(directory, created(1, "room", "ann", "bob"), created(2, "room", "cid"));
    assert.deepEqual(await whomSees(directory, "cid"), ["ann", "bob"]);
  });

  scene("contacts see each other when each has the other", async (directory) => {
    await happen(directory, added(1, "ann", "bob"));
    assert.deepEqual(await whomSees(directory, "ann"), []);
    assert.deepEqual(await whomSees(directory, "bob"), []);
    await happen(directory, added(2, "bob", "ann"));
    assert.deepEqual(await whomSees(directory, "ann"), ["bob"]);
    assert.deepEqual(await whomSees(directory, "bob"), ["ann"]);
    await happen(directory, removed(3, "ann", "bob"));
    assert.deepEqual(await whomSees(directory, "bob"), []);
  });

  scene("a block hides both from each other, whatever they share", async (directory) => {
    await happen(directory, created(1, "room", "ann", "bob"), added(2, "ann", "bob"), added(3, "bob", "ann"));
    await happen(directory, blocked(4, "bob", "ann"));
    assert.deepEqual(await whomSees(directory, "ann"), []);
    assert.deepEqual(await whomSees(directory, "bob"), []);
    await happen(directory, unblocked(5, "bob", "ann"));
    assert.deepEqual(await whomSees(directory, "ann"), ["bob"]);
  });

  scene("a block removes the contact of who blocks, and an unblock does not bring it back", async (directory) => {
    await happen(directory, added(1, "ann", "bob"), added(2, "bob", "ann"));
    await happen(directory, blocked(3, "ann", "bob"), unblocked(4, "ann", "bob"));
    assert.deepEqual(await whomSees(directory, "ann"), []);
    await happen(directory, added(5, "ann", "bob"));
    assert.deepEqual(await whomSees(directory, "ann"), ["bob"]);
  });

  scene("blocks of both sides are two blocks", async (directory) => {
    await happen(directory, created(1, "room", "ann", "bob"), blocked(2, "ann", "bob"), blocked(3, "bob", "ann"));
    await happen(directory, unblocked(4, "ann", "bob"));
    assert.deepEqual(await whomSees(directory, "ann"), []);
    await happen(directory, unblocked(5, "bob", "ann"));
    assert.deepEqual(await whomSees(directory, "ann"), ["bob"]);
  });

  scene("what happened earlier changes nothing when it comes later, from whatever source", async (directory) => {
    await happen(directory, created(1, "room", "ann", "bob"), left(9, "room", "bob"), joined(5, "room", "bob"));
    assert.deepEqual(await whomSees(directory, "ann"), []);
    await happen(directory, unblocked(9, "cid", "dan"), blocked(8, "cid", "dan"), created(1, "club", "cid", "dan"));
    assert.deepEqual(await whomSees(directory, "cid"), ["dan"]);
    await happen(directory, blocked(7, "eve", "fay"), unblocked(8, "eve", "fay"));
    await happen(directory, added(6, "eve", "fay"), added(6, "fay", "eve"));
    assert.deepEqual(await whomSees(directory, "eve"), []);
  });

  scene("at one and the same moment what hides wins, whichever comes first", async (directory) => {
    await happen(directory, created(1, "room", "ann", "bob", "cid"));
    await happen(directory, left(2, "room", "bob"), joined(2, "room", "bob"));
    await happen(directory, joined(2, "room", "cid"), left(2, "room", "cid"));
    assert.deepEqual(await whomSees(directory, "ann"), []);
    await happen(directory, created(1, "club", "dan", "eve"), unblocked(3, "dan", "eve"), blocked(3, "dan", "eve"));
    assert.deepEqual(await whomSees(directory, "dan"), []);
  });

  scene("an import knows less than any source, before and after it", async (directory) => {
    await happen(directory, left(2, "room", "bob"), removed(3, "ann", "cid"));
    await directory.apply({
      changes: [
        created(beforeAllRecords, "room", "ann", "bob", "dan"),
        added(beforeAllRecords, "ann", "cid"),
        added(beforeAllRecords, "cid", "ann"),
        blocked(beforeAllRecords, "ann", "eve"),
        created(beforeAllRecords, "club", "ann", "eve"),
      ],
    });
    assert.deepEqual(await whomSees(directory, "ann"), ["dan"]);
    await happen(directory, unblocked(4, "ann", "eve"));
    assert.deepEqual(await whomSees(directory, "ann"), ["dan", "eve"]);
  });

  scene("what one source tells later of a membership counts, though its clock stepped back", async (directory) => {
    const told = (offset: number, change: AudienceChange) => ({ ...change, offset });
    await directory.apply({
      origin: { source: "topic:0", after: undefined, upTo: { offset: 1, at: 91 } },
      changes: [told(0, created(90, "room", "ann", "bob")), told(1, left(80, "room", "bob"))],
    });
    assert.deepEqual(await whomSees(directory, "ann"), []);
    await directory.apply({
      origin: { source: "topic:0", after: { offset: 1, at: 91 }, upTo: { offset: 2, at: 92 } },
      changes: [told(2, joined(70, "room", "bob"))],
    });
    assert.deepEqual(await whomSees(directory, "ann"), ["bob"]);
    // Another source has no part in that order: what it tells is earlier.
    await directory.apply({
      origin: { source: "topic:1", after: undefined, upTo: { offset: 0, at: 60 } },
      changes: [told(0, left(60, "room", "bob"))],
    });
    assert.deepEqual(await whomSees(directory, "ann"), ["bob"]);
  });

  test("however a source's clock jumps, and however its records are cut into batches and repeated, the last word on each membership counts", async () => {
    const harness = await open();
    const record = fc.record({
      at: fc.integer({ min: 2, max: 9 }),
      user: fc.constantFrom("bob", "cid"),
      isIn: fc.boolean(),
    });
    const reads = fc.array(fc.record({ gateway: fc.constantFrom(0, 1), records: fc.integer({ min: 1, max: 6 }) }));
    try {
      await fc.assert(
        fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 12 }), reads, async (records, steps) => {
          await harness.empty();
          const source = records.map(({ at, user, isIn }, offset) => {
            return { ...(isIn ? joined(at, "room", user) : left(at, "room", user)), offset };
          });
          await happen(harness.directories[0], created(beforeAllRecords, "room", "ann"));
          const gateways = harness.directories.map((directory) => new SimulatedGateway(directory, [source], []));
          for (const { gateway, records: count } of steps) await gateways[gateway]?.read(0, count);
          for (const gateway of gateways) await gateway.readAll();
          const last = new Map(records.map(({ user, isIn }) => [user, isIn]));
          const members = [...last].flatMap(([user, isIn]) => (isIn ? [user] : [])).sort();
          assert.deepEqual(await whomSees(harness.directories[0], "ann"), members);
        }),
        { seed: seed(), numRuns: options.randomRuns },
      );
    } finally {
      await harness.close();
    }
  });

  scene("nobody sees himself, whatever is said of him", async (directory) => {
    await happen(directory, created(1, "room", "ann", "ann"), added(2, "ann", "ann"), blocked(3, "ann", "ann"));
    assert.deepEqual(await whomSees(directory, "ann"), []);
    assert.deepEqual(await directory.maySee("ann", ["ann"]), new Set());
  });

  scene("ids are opaque", async (directory) => {
    const ids = ["a:b", "a", "b:a", "{a}", "member:a", "Ω 🙂", "__proto__", "-1", "%s*?[a]", "'\"\\"];
    await happen(directory, created(1, "a:b", ...ids), created(2, "a", "stranger:b"), added(3, "a:b", "c"));
    for (const id of ids) assert.deepEqual(await whomSees(directory, id), ids.filter((other) => other !== id).sort());
    assert.deepEqual(await whomSees(directory, "c"), []);
  });

  scene(
    "visibleTo gives at most the limit, contacts first, then small conversations, and says if there are more",
    async (directory) => {
      const crowd = Array.from({ length: 300 }, (_, index) => `crowd-${index}`);
      await happen(directory, created(1, "stadium", "ann", ...crowd), created(2, "room", "ann", "bob"));
      await happen(directory, added(3, "ann", "cid"), added(4, "cid", "ann"), blocked(5, "ann", "crowd-0"));
      assert.deepEqual(await directory.visibleTo("ann", 1), { users: ["cid"], more: true });
      assert.deepEqual(await directory.visibleTo("ann", 2), { users: ["cid", "bob"], more: true });
      assert.equal((await directory.visibleTo("ann", 300)).users.length, 300);
      assert.deepEqual(await directory.visibleTo("bob", 1), { users: ["ann"], more: false });
      const exact = await directory.visibleTo("ann", 301);
      assert.deepEqual([exact.users.length, exact.more], [301, false]);
      assert.equal((await directory.visibleTo("ann", 300)).more, true);
      assert.equal(new Set(exact.users).size, 301);
      assert.deepEqual(await directory.visibleTo("ann", 0), { users: [], more: true });
      assert.deepEqual(await directory.visibleTo("nobody", 10), { users: [], more: false });
    },
  );

  scene("maySee picks from the users those whom the viewer sees", async (directory) => {
    await happen(directory, created(1, "room", "ann", "bob", "cid"), blocked(2, "ann", "cid"));
    assert.deepEqual(await directory.maySee("ann", ["zoe", "cid", "bob", "bob"]), new Set(["bob"]));
    assert.deepEqual(await directory.maySee("ann", []), new Set());
  });

  scene("a batch takes effect once; repeated, it still says what to look at", async (directory, other) => {
    const batch = { origin: origin(undefined, 1), changes: [created(5, "room", "ann", "bob")] };
    const first = await directory.apply(batch);
    const before = await directory.state();
    assert.ok(isAffected(first, "ann", "bob"));
    assert.ok(isAffected(await other.apply(batch), "ann", "bob"));
    assert.deepEqual(await directory.state(), before);
    assert.deepEqual(before.positions, new Map([["topic:0", { offset: 1, at: 2 }]]));
    assert.deepEqual((await other.state()).positions, before.positions);
    assert.equal(before.generation, directory.generation);
  });

  scene("positions move with batches that hold no change, and never back", async (directory) => {
    await directory.apply({ origin: origin(undefined, 7), changes: [] });
    await directory.apply({ origin: origin(undefined, 3), changes: [] });
    assert.equal((await directory.state()).positions.get("topic:0")?.offset, 7);
  });

  scene("a batch whose predecessors are not there is refused as REWOUND, and changes nothing", async (directory) => {
    const batch = (after: number | undefined) => ({
      origin: origin(after, 9),
      changes: [created(5, "room", "ann", "bob")],
    });
    await assert.rejects(directory.apply(batch(4)), { name: "AudienceError", code: "REWOUND" });
    await directory.apply({ origin: origin(undefined, 3), changes: [] });
    await assert.rejects(directory.apply(batch(4)), { code: "REWOUND" });
    assert.deepEqual(await whomSees(directory, "ann"), []);
    await directory.apply(batch(3));
    assert.deepEqual(await whomSees(directory, "ann"), ["bob"]);
  });

  scene("who left a conversation is among the affected when another leaves it later", async (directory, other) => {
    await happen(directory, created(1, "room", "ann", "bob", "cid"));
    const first = [left(2, "room", "ann")];
    await happen(directory, ...first, left(3, "room", "bob"));
    // The other gateway is behind, and still shows bob to ann.
    assert.ok(isAffected(await other.apply({ changes: first }), "ann", "bob"));
  });

  scene("imports are counted when they change something, for all gateways to see", async (directory, other) => {
    const changes = [created(beforeAllRecords, "room", "ann", "bob")];
    await directory.apply({ changes });
    await directory.apply({ changes });
    assert.equal((await other.state()).imports, 1);
    await happen(directory, joined(4, "room", "cid"));
    await other.apply({ changes: [created(beforeAllRecords, "room", "dan")] });
    assert.ok((await directory.state()).imports >= 2);
  });

  scene("a conversation of 10,000 is created, joined and left as a small one", async (directory) => {
    const crowd = Array.from({ length: 10_000 }, (_, index) => `user-${index}`);
    const affected = await directory.apply({ origin: origin(undefined, 1), changes: [created(1, "city", ...crowd)] });
    assert.ok(isAffected(affected, "user-0", "user-9999"));
    assert.deepEqual((await directory.visibleTo("user-5000", 2_000)).users.length, 2_000);
    assert.equal((await directory.visibleTo("user-5000", 20_000)).users.length, 9_999);
    assert.equal((await directory.maySee("user-5000", crowd)).size, 9_999);
    const newcomer = await directory.apply({ origin: origin(1, 2), changes: [joined(2, "city", "zoe")] });
    assert.ok(crowd.every((user) => isAffected(newcomer, "zoe", user)));
    const leaver = await directory.apply({ origin: origin(2, 3), changes: [left(3, "city", "user-0")] });
    assert.ok(isAffected(leaver, "user-0", "zoe"));
    assert.deepEqual(await directory.maySee("zoe", ["user-0", "user-1"]), new Set(["user-1"]));
  });

  test("over random histories nobody sees whom he may not, and who is affected is told", async () => {
    const harness = await open();
    try {
      await fc.assert(
        fc.asyncProperty(randomHistory, async (history) => {
          await harness.empty();
          await liveThrough(history, harness.directories);
        }),
        { seed: seed(), numRuns: options.randomRuns },
      );
    } finally {
      await harness.close();
    }
  });
}

/** Two gateways work through a history; after each step the directory is held against the oracle. */
async function liveThrough(
  { sources, steps }: RandomHistory,
  directories: readonly [AudienceDirectory, AudienceDirectory],
): Promise<void> {
  const gateways = directories.map((directory) => new SimulatedGateway(directory, sources, users));
  const delivered = sources.map(() => -1);
  const imported: AudienceChange[] = [];
  let visible = visibilityAfter([]);
  for (const step of steps) {
    const gateway = gateways[step.gateway] as SimulatedGateway;
    let affected: AffectedPairs[] = [];
    if (step.kind === "read") {
      const read = await gateway.read(step.source, step.records);
      affected = read.affected;
      delivered[step.source] = Math.max(delivered[step.source] as number, read.offset);
    } else if (step.kind === "import") {
      affected = await gateway.apply({ changes: step.changes });
      imported.push(...step.changes);
    } else if (step.kind === "repeat") {
      await gateway.repeat();
    } else {
      await gateway.restart();
    }
    const before = visible;
    visible = visibilityAfter([
      ...imported,
      ...sources.flatMap((records, index) => records.slice(0, (delivered[index] as number) + 1)),
    ]);
    for (const [viewer, user] of pairsOf(users)) {
      if (before(viewer, user) === visible(viewer, user)) continue;
      assert.ok(isAffected(affected, viewer, user), `${viewer} and ${user} are among the affected`);
    }
    await compare(directories[step.gateway], visible);
  }
  for (const gateway of gateways) {
    await gateway.readAll();
    await gateway.pollImports();
  }
  const inTheEnd = visibilityAfter([...imported, ...sources.flat()]);
  await compare(directories[0], inTheEnd);
  for (const [viewer, user] of pairsOf(users)) {
    for (const gateway of gateways) {
      assert.equal(gateway.sees(viewer, user), inTheEnd(viewer, user), `${viewer} sees ${user} in the gateway's view`);
    }
  }
}

async function compare(
  directory: AudienceDirectory,
  visible: (viewer: string, user: string) => boolean,
): Promise<void> {
  for (const viewer of users) {
    const right = users.filter((user) => visible(viewer, user)).sort();
    assert.deepEqual(await whomSees(directory, viewer), right, `visibleTo ${viewer}`);
    assert.deepEqual([...(await directory.maySee(viewer, users))].sort(), right, `maySee of ${viewer}`);
  }
}

function pairsOf(all: readonly string[]): [string, string][] {
  return all.flatMap((viewer) => all.map((user): [string, string] => [viewer, user]));
}

async function whomSees(directory: AudienceDirectory, viewer: string): Promise<string[]> {
  const { users: visible, more } = await directory.visibleTo(viewer, 1_000);
  assert.equal(more, false);
  return visible.sort();
}

function isAffected(affected: readonly AffectedPairs[], one: string, other: string): boolean {
  return affected.some(
    ({ users: some, others }) =>
      (some.includes(one) && others.includes(other)) || (some.includes(other) && others.includes(one)),
  );
}

/** Applies changes that come from nowhere in particular. */
async function happen(directory: AudienceDirectory, ...changes: AudienceChange[]): Promise<void> {
  await directory.apply({ changes });
}

const positionAt = (offset: number) => ({ offset, at: offset + 1 });

function origin(after: number | undefined, upTo: number): BatchOrigin {
  return { source: "topic:0", after: after === undefined ? undefined : positionAt(after), upTo: positionAt(upTo) };
}

const created = (at: number, conversationId: string, ...participants: string[]): AudienceChange => ({
  kind: "conversation",
  at,
  conversationId,
  participants,
});
const joined = (at: number, conversationId: string, userId: string): AudienceChange => ({
  kind: "joined",
  at,
  conversationId,
  userId,
});
const left = (at: number, conversationId: string, userId: string): AudienceChange => ({
  kind: "left",
  at,
  conversationId,
  userId,
});
const added = (at: number, userId: string, contactId: string): AudienceChange => ({
  kind: "contact-added",
  at,
  userId,
  contactId,
});
const removed = (at: number, userId: string, contactId: string): AudienceChange => ({
  kind: "contact-removed",
  at,
  userId,
  contactId,
});
const blocked = (at: number, userId: string, blockedId: string): AudienceChange => ({
  kind: "blocked",
  at,
  userId,
  blockedId,
});
const unblocked = (at: number, userId: string, blockedId: string): AudienceChange => ({
  kind: "unblocked",
  at,
  userId,
  blockedId,
});
