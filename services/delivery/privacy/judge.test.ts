import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { judge, type Pair, type Rules, type Sight } from "./judge.ts";
import { everything, fields, merge, nothing, type Policy, type Viewers } from "./policy.ts";
import { anyPolicy } from "./testing/random-policies.ts";

const free: Rules = { mayBeInvisible: true, rolesThatSee: new Set(["warden"]) };
const forbidden: Rules = { ...free, mayBeInvisible: false };
const warden: ReadonlySet<string> = new Set(["guest", "warden"]);

/** Ann, of whom bob asks to see something. */
function pair(changes: Partial<Pair>): Pair {
  return {
    ...{ owner: "ann", ownerPolicy: everything, viewer: "bob", viewerPolicy: everything },
    ...{ isContact: false, isContactOfViewer: false, viewerRoles: new Set(), rules: free },
    ...changes,
  };
}

const policy = (changes: Partial<Policy>) => merge(everything, changes);

/** What is seen, by name. */
function seen(changes: Partial<Pair>): string {
  const sight = judge(pair(changes));
  return fields.filter((field) => sight[field]).join(" ");
}

const all = "online lastSeen status devices";
const ofHiddenState = "lastSeen status devices";

describe("what somebody may see of a user", () => {
  test("is everything, where nobody said anything", () => {
    assert.equal(seen({}), all);
  });

  test("is judged field by field, and is nothing without online", () => {
    assert.equal(seen({ ownerPolicy: policy({ lastSeen: "nobody", devices: "contacts" }) }), "online status");
    assert.equal(
      seen({ ownerPolicy: policy({ lastSeen: "nobody", devices: "contacts" }), isContact: true }),
      "online status devices",
    );
    assert.equal(seen({ ownerPolicy: policy({ online: "contacts" }) }), "");
    assert.equal(seen({ ownerPolicy: policy({ online: "contacts" }), isContactOfViewer: true }), "");
  });

  test("hide goes before show, and both before the fields", () => {
    const bob = new Set(["bob"]);
    assert.equal(seen({ ownerPolicy: policy({ hide: bob }) }), "");
    assert.equal(seen({ ownerPolicy: policy({ hide: bob, show: bob }), isContact: true }), "");
    assert.equal(seen({ ownerPolicy: policy({ ...nothing, invisible: false, show: bob }) }), all);
    assert.equal(seen({ ownerPolicy: policy({ hide: bob }), viewer: "cid" }), all);
  });

  test("is, of an invisible user, the hidden state, whoever looks", () => {
    const ownerPolicy = policy({ invisible: true, show: new Set(["bob"]) });
    assert.equal(seen({ ownerPolicy, isContact: true }), ofHiddenState);
    assert.equal(seen({ ownerPolicy, viewer: "cid" }), ofHiddenState);
    assert.equal(seen({ ownerPolicy: policy({ invisible: true, lastSeen: "nobody" }) }), "status devices");
    assert.equal(seen({ ownerPolicy: policy({ invisible: true, online: "nobody" }) }), "");
  });

  test("is the truth for roles that see through invisibility, but no more than the rest of the policy shows", () => {
    const invisible = { ownerPolicy: policy({ invisible: true, devices: "nobody" }) };
    assert.equal(seen({ ...invisible, viewerRoles: warden }), "online lastSeen status");
    assert.equal(seen({ ...invisible, viewerRoles: new Set(["guest"]) }), "lastSeen status");
    assert.equal(seen({ ownerPolicy: policy({ hide: new Set(["bob"]) }), viewerRoles: warden }), "");
    assert.equal(judge(pair({ viewerRoles: warden })).seesHidden, true);
    assert.equal(judge(pair({})).seesHidden, false);
  });

  test("where invisibility is forbidden it counts for nobody; what cannot be read hides all the same", () => {
    assert.equal(seen({ ownerPolicy: policy({ invisible: true }), rules: forbidden }), all);
    assert.equal(seen({ ownerPolicy: nothing, rules: forbidden, viewerRoles: warden, isContact: true }), "");
  });

  test("is, of a reciprocal user, what the viewer shows in return, field by field", () => {
    const ownerPolicy = policy({ reciprocal: true });
    assert.equal(seen({ ownerPolicy }), all);
    assert.equal(
      seen({ ownerPolicy, viewerPolicy: policy({ lastSeen: "nobody", devices: "contacts" }) }),
      "online status",
    );
    assert.equal(seen({ ownerPolicy, viewerPolicy: policy({ lastSeen: "contacts" }), isContactOfViewer: true }), all);
    assert.equal(seen({ ownerPolicy, viewerPolicy: policy({ hide: new Set(["ann"]) }) }), "");
    assert.equal(seen({ ownerPolicy, viewerPolicy: policy({ invisible: true }) }), "");
    assert.equal(seen({ ownerPolicy, viewerPolicy: policy({ invisible: true }), rules: forbidden }), all);
    assert.equal(seen({ ownerPolicy, viewerPolicy: policy({ reciprocal: true }) }), all);
    assert.equal(seen({ ownerPolicy, viewerPolicy: nothing }), "");
  });
});

describe("over all policies", () => {
  const anyPair: fc.Arbitrary<Pair> = fc.record({
    ...{ owner: fc.constant("ann"), ownerPolicy: anyPolicy, viewer: fc.constant("bob"), viewerPolicy: anyPolicy },
    ...{ isContact: fc.boolean(), isContactOfViewer: fc.boolean() },
    ...{ viewerRoles: fc.constantFrom(new Set<string>(), warden), rules: fc.constantFrom(free, forbidden) },
  });
  const holds = (check: (pair: Pair) => void) => fc.assert(fc.property(anyPair, check), { seed: seed(), numRuns: 500 });
  const isWithin = (less: Sight, more: Sight) => fields.every((field) => more[field] || !less[field]);
  const changed = (one: Pair, changes: Partial<Policy>) => ({ ...one, ownerPolicy: merge(one.ownerPolicy, changes) });

  test("an unreadable one shows nothing to anybody", () => {
    holds((one) => assert.ok(!fields.some((field) => judge({ ...one, ownerPolicy: nothing })[field])));
  });

  test("whoever cannot see online while the user is visible sees nothing, also while the user is invisible", () => {
    holds((one) => {
      const visible = judge(changed(one, { invisible: false }));
      if (visible.online) return;
      for (const invisible of [true, false]) {
        assert.ok(!fields.some((field) => judge(changed(one, { invisible }))[field]));
      }
    });
  });

  test("of an invisible user is seen what is seen of one who is offline, but by those who see through", () => {
    holds((one) => {
      const [hidden, visible] = [true, false].map((invisible) => judge(changed(one, { invisible }))) as [Sight, Sight];
      if (visible.seesHidden) assert.equal(hidden, visible);
      else assert.deepEqual(hidden, { ...visible, online: false });
    });
  });

  test("whatever hides more never shows more", () => {
    const narrower: Record<Viewers, Viewers> = { audience: "contacts", contacts: "nobody", nobody: "nobody" };
    holds((one) => {
      const { ownerPolicy } = one;
      const sight = judge(one);
      const hiding: Partial<Policy>[] = [
        { invisible: true },
        { reciprocal: true },
        { show: new Set() },
        { hide: new Set([...ownerPolicy.hide, "bob"]) },
        ...fields.map((field) => ({ [field]: narrower[ownerPolicy[field]] })),
      ];
      for (const changes of hiding) assert.ok(isWithin(judge(changed(one, changes)), sight), JSON.stringify(changes));
    });
  });

  test("there are few sights, each of them one object", () => {
    const sights = new Set<Sight>();
    holds((one) => {
      sights.add(judge(one));
    });
    assert.ok(sights.size <= 32 && [...sights].every(Object.isFrozen));
  });
});
