import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { FlakyDirectory } from "../audience/testing/flaky-directory.ts";
import { DirectoryPolicies } from "./directory-policies.ts";
import { MemoryPolicyDirectory } from "./memory/memory-policy-directory.ts";
import { everything, merge, type Policy, storedPolicy } from "./policy.ts";

/** @param options.changesMax as in DirectoryPolicies */
function openScene({ hasKafka = false, changesMax = 10 } = {}) {
  const clock = new FakeClock();
  const stored = new FlakyDirectory();
  const written: string[] = [];
  const told: string[] = [];
  const audience = {
    ...{ stored, directory: stored, isComplete: true },
    /** undefined: everything is applied. */
    end: undefined as Promise<void> | undefined,
    async atEndOfPrivacy() {
      await audience.end;
    },
  };
  // As the topic and its follower do, without either.
  const writer = {
    async write(userId: string, policy: Policy) {
      written.push(userId);
      await stored.apply({ changes: [{ kind: "policy", at: clock.nowUs(), userId, policy: storedPolicy(policy) }] });
    },
  };
  const policies = new DirectoryPolicies({
    ...{ rules: { mayBeInvisible: true, rolesThatSee: new Set() }, audience, clock, changesMax },
    directory: new MemoryPolicyDirectory(stored, clock),
    writer: hasKafka ? writer : undefined,
  });
  policies.onChange({
    policiesChanged: (userIds) => told.push(...userIds),
    recheckPolicies: () => told.push("everybody"),
  });
  return { clock, stored, audience, policies, written, told };
}

describe("a user's change of policy", () => {
  test("without Kafka is in the directory, and told, when it is answered", async () => {
    const { policies, told, clock } = openScene();
    assert.deepEqual(
      await policies.change("ann", { lastSeen: "contacts" }),
      merge(everything, { lastSeen: "contacts" }),
    );
    await clock.advance(1);
    const both = merge(everything, { lastSeen: "contacts", invisible: true });
    assert.deepEqual(await policies.change("ann", { invisible: true }), both);
    assert.deepEqual((await policies.policiesOf(["ann"])).get("ann")?.policy, both);
    assert.deepEqual(told, ["ann", "ann"]);
  });

  test("with Kafka is written to the topic, on top of what stands there, and answered as it was read back", async () => {
    const { policies, written, told } = openScene({ hasKafka: true });
    await policies.change("ann", { invisible: true });
    const changed = await policies.change("ann", { status: "nobody" });
    assert.deepEqual(changed, merge(everything, { invisible: true, status: "nobody" }));
    assert.deepEqual(written, ["ann", "ann"]);
    assert.deepEqual(told, [], "the follower tells it");
  });

  test("begins with what another change of the same user wrote", async () => {
    const { policies } = openScene({ hasKafka: true });
    const changes = [{ invisible: true }, { online: "contacts" as const }, { reciprocal: true }];
    const answers = await Promise.all(changes.map((patch) => policies.change("ann", patch)));
    assert.deepEqual(answers.at(-1), merge(everything, { invisible: true, online: "contacts", reciprocal: true }));
    assert.equal(policies.metrics.bounds.policy_changes.used, 0);
  });

  test("that takes too long is refused, and then not made", async () => {
    const { policies, audience, written, clock } = openScene({ hasKafka: true });
    const { promise, resolve } = Promise.withResolvers<void>();
    audience.end = promise;
    const change = assert.rejects(policies.change("ann", { invisible: true }), {
      ...{ name: "PrivacyError", code: "UNAVAILABLE", message: /not changed within 5000 ms/ },
    });
    await clock.advance(5_000);
    await change;
    audience.end = undefined;
    resolve();
    await policies.change("bob", { invisible: true });
    assert.deepEqual(written, ["bob"]);
    assert.deepEqual(policies.metrics.changes, { changed: 1, failed: 1, busy: 0 });
  });

  test("fails when the directory does, and when too many others are under way", async () => {
    const { policies, stored, audience } = openScene({ changesMax: 1 });
    stored.isAway = true;
    await assert.rejects(policies.change("ann", { invisible: true }), { name: "PrivacyError", code: "UNAVAILABLE" });
    stored.isAway = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    audience.end = promise;
    const first = policies.change("ann", { invisible: true });
    await assert.rejects(policies.change("bob", { invisible: true }), { name: "PrivacyError", code: "BUSY" });
    resolve();
    assert.equal((await first).invisible, true);
  });
});

test("policies are not read before everything is applied that was said", async () => {
  const { policies, audience } = openScene();
  audience.isComplete = false;
  await assert.rejects(policies.policiesOf(["ann"]), { name: "AudienceError", code: "UNAVAILABLE" });
});
