import assert from "node:assert/strict";
import { test } from "node:test";
import type { AudienceDirectory } from "../../audience/directory.ts";
import { everything, merge, nothing, type Policy, storedPolicy } from "../policy.ts";
import type { HiddenState, PolicyDirectory } from "../policy-directory.ts";

interface PolicyDirectoryHarness {
  /** Two gateways' over the same, empty data; in memory one and the same. */
  readonly gateways: readonly [PolicyGateway, PolicyGateway];
  close(): Promise<void>;
}

interface PolicyGateway {
  readonly stored: Pick<AudienceDirectory, "apply" | "state" | "contactsAmong">;
  readonly policies: PolicyDirectory;
}

const invisible = merge(everything, { invisible: true });
const reserved = merge(everything, { lastSeen: "contacts", hide: new Set(["bob"]) });
const hiddenAt = (sinceMs: number): HiddenState => ({
  ...{ sinceMs, lastSeenMs: sinceMs, deviceId: "phone", forgetMs: 0, shard: 3, version: sinceMs * 1_000 },
  status: { text: "lunch", untilMs: sinceMs + 60_000 },
});

/** What every PolicyDirectory promises. */
export function policyDirectoryContract(open: () => Promise<PolicyDirectoryHarness>): void {
  const scene = (name: string, run: (gateway: PolicyGateway, other: PolicyGateway) => Promise<void>) =>
    test(name, async () => {
      const harness = await open();
      try {
        await run(...harness.gateways);
      } finally {
        await harness.close();
      }
    });

  scene("who said nothing shows everything", async ({ policies }) => {
    assert.deepEqual(await policies.policiesOf([]), new Map());
    const known = { policy: everything, sinceMs: 0, hidden: undefined };
    assert.deepEqual(
      await policies.policiesOf(["ann", "__proto__"]),
      new Map([
        ["ann", known],
        ["__proto__", known],
      ]),
    );
  });

  scene("a policy that is said later counts, in whatever order they come, on all gateways", async (gateway, other) => {
    await say(gateway, 2_000_000, reserved);
    await say(other, 3_000_000, invisible);
    await say(gateway, 1_000_000, everything);
    for (const { policies } of [gateway, other]) {
      assert.deepEqual(await knownOf(policies), { policy: invisible, sinceMs: 3_000, hidden: undefined });
    }
    await say(gateway, 4_000_000, everything);
    await say(other, 3_500_000, reserved);
    assert.deepEqual(await knownOf(other.policies), { policy: everything, sinceMs: 4_000, hidden: undefined });
  });

  scene(
    "of two at one time the one applied later counts: an import replaces an import, and no record",
    async (gateway) => {
      await say(gateway, 1, invisible);
      await say(gateway, 1, reserved);
      assert.deepEqual((await knownOf(gateway.policies)).policy, reserved);
      await say(gateway, 5_000_000, everything);
      await say(gateway, 1, invisible);
      assert.deepEqual((await knownOf(gateway.policies)).policy, everything);
    },
  );

  scene(
    "what one source tells later counts, though its clock stepped back; repeated, it changes nothing",
    async (gateway, other) => {
      const record = (offset: number, at: number, policy: Policy) => ({
        ...{ kind: "policy" as const, userId: "ann", at, offset, policy: storedPolicy(policy) },
      });
      const first = {
        origin: { source: "topic:0", after: undefined, upTo: { offset: 1, at: 9_000_001 } },
        changes: [record(0, 9_000_000, everything), record(1, 8_000_000, invisible)],
      };
      await gateway.stored.apply(first);
      assert.deepEqual((await knownOf(other.policies)).policy, invisible);
      const second = {
        origin: { source: "topic:0", after: first.origin.upTo, upTo: { offset: 2, at: 9_000_002 } },
        changes: [record(2, 7_000_000, reserved)],
      };
      await other.stored.apply(second);
      await gateway.stored.apply(first);
      assert.deepEqual((await knownOf(gateway.policies)).policy, reserved);
    },
  );

  scene(
    "policies that came from no source are told to other gateways by name, relations are not",
    async (gateway, other) => {
      const { policyChanges: before } = await other.stored.state();
      await say(gateway, 5, invisible, "ann");
      await say(gateway, 5, invisible, "bob");
      await gateway.stored.apply({ changes: [{ kind: "contact-added", at: 1, userId: "ann", contactId: "cid" }] });
      const { policyChanges } = await other.stored.state();
      // In memory there is nobody to tell.
      if (gateway === other) return;
      assert.equal(policyChanges.count - before.count, 2);
      assert.deepEqual(policyChanges.latest.slice(0, 2), ["bob", "ann"]);
    },
  );

  scene("contacts are those whom the user has, not those who have the user", async (gateway, other) => {
    const added = (at: number, userId: string, contactId: string) => ({
      kind: "contact-added" as const,
      at,
      userId,
      contactId,
    });
    await gateway.stored.apply({
      changes: [
        ...[added(1, "ann", "bob"), added(1, "cid", "ann"), added(1, "ann", "dan")],
        { kind: "contact-removed", at: 2, userId: "ann", contactId: "dan" },
      ],
    });
    assert.deepEqual(await other.stored.contactsAmong("ann", ["bob", "cid", "dan", "eve"]), new Set(["bob"]));
    assert.deepEqual(await other.stored.contactsAmong("ann", []), new Set());
  });

  scene("a user hides once, for all gateways, in the state that was stored first", async (gateway, other) => {
    await say(gateway, 5_000_000, invisible);
    assert.deepEqual(await gateway.policies.hide("ann", hiddenAt(5_000)), hiddenAt(5_000));
    assert.deepEqual(await other.policies.hide("ann", hiddenAt(6_000)), hiddenAt(5_000));
    assert.deepEqual((await knownOf(other.policies)).hidden, hiddenAt(5_000));
    assert.equal((await other.policies.policiesOf(["bob"])).get("bob")?.hidden, undefined);
  });

  scene("a user who is visible does not hide, and one who is invisible is not shown", async (gateway) => {
    assert.equal(await gateway.policies.hide("ann", hiddenAt(5_000)), undefined);
    await say(gateway, 5_000_000, invisible);
    await gateway.policies.hide("ann", hiddenAt(5_000));
    await gateway.policies.show("ann", 5_000);
    assert.deepEqual((await knownOf(gateway.policies)).hidden, hiddenAt(5_000));
    await say(gateway, 6_000_000, reserved);
    assert.equal(await gateway.policies.hide("bob", hiddenAt(6_000)), undefined);
  });

  scene("the state outlasts the hiding, until it is the one that is ended", async (gateway, other) => {
    await say(gateway, 5_000_000, invisible);
    await gateway.policies.hide("ann", hiddenAt(5_000));
    await say(gateway, 6_000_000, everything);
    assert.deepEqual((await knownOf(other.policies)).hidden, hiddenAt(5_000));
    await other.policies.show("ann", 4_000);
    assert.deepEqual((await knownOf(other.policies)).hidden, hiddenAt(5_000));
    await other.policies.show("ann", 5_000);
    assert.equal((await knownOf(gateway.policies)).hidden, undefined);
  });

  scene("a policy that cannot be read hides", async (gateway) => {
    await gateway.stored.apply({
      changes: [{ kind: "policy", at: 5_000_000, userId: "ann", policy: storedPolicy(nothing) }],
    });
    assert.deepEqual((await knownOf(gateway.policies)).policy, nothing);
    assert.deepEqual(await gateway.policies.hide("ann", hiddenAt(5_000)), hiddenAt(5_000));
  });

  scene("the clock of a gateway that reads is ahead of all that another one told before", async (gateway, other) => {
    let lastUs = 0;
    for (let turn = 0; turn < 50; turn++) {
      const one = turn % 2 === 0 ? gateway : other;
      await one.policies.policiesOf(["ann"]);
      const nowUs = one.policies.nowUs();
      assert.ok(Number.isSafeInteger(nowUs) && nowUs > lastUs - 1, `${nowUs} after ${lastUs}`);
      lastUs = nowUs;
    }
  });
}

async function say({ stored }: PolicyGateway, at: number, policy: Policy, userId = "ann"): Promise<void> {
  await stored.apply({ changes: [{ kind: "policy", at, userId, policy: storedPolicy(policy) }] });
}

async function knownOf(policies: PolicyDirectory, userId = "ann") {
  const known = (await policies.policiesOf([userId])).get(userId);
  assert.ok(known);
  return known;
}
