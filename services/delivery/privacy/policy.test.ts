import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { everything, exceptionsMax, fields, merge, nothing, parsePolicy, policyPatch, serialise } from "./policy.ts";
import { anyPolicy } from "./testing/random-policies.ts";

const documented =
  '{"invisible":false,"online":"audience","lastSeen":"contacts","status":"audience","devices":"nobody",' +
  '"reciprocal":false,"except":{"show":[],"hide":[]}}';

describe("a policy in a record", () => {
  test("is read and written as it is documented", () => {
    const policy = parsePolicy(documented);
    assert.deepEqual(policy, { ...everything, lastSeen: "contacts", devices: "nobody" });
    assert.equal(serialise(policy), documented);
  });

  test("comes back as it was written", () => {
    fc.assert(
      fc.property(anyPolicy, (policy) => assert.deepEqual(parsePolicy(serialise(policy)), policy)),
      { seed: seed() },
    );
  });

  test("shows by default, and passes over members of later versions", () => {
    assert.deepEqual(parsePolicy("{}"), everything);
    assert.deepEqual(parsePolicy('{"typing":"nobody","except":{"show":["bob"],"mute":7}}'), {
      ...everything,
      show: new Set(["bob"]),
    });
  });

  test("hides by each value that is unknown", () => {
    assert.deepEqual(
      parsePolicy('{"invisible":"no","reciprocal":0,"online":"friends","lastSeen":null,"status":["audience"]}'),
      {
        ...everything,
        ...{ invisible: true, reciprocal: true, online: "nobody", lastSeen: "nobody", status: "nobody" },
      },
    );
  });

  test("hides the user when it cannot be read, or does not say who is excepted", () => {
    const tooMany = Array.from({ length: exceptionsMax + 1 }, (_, index) => `user-${index}`);
    const unreadable = ["", "{", "null", "7", "[]", '{"except":null}', '{"except":[]}', '{"except":{"hide":"bob"}}'];
    for (const list of [["bob", 7], [""], ["a\nb"], tooMany]) {
      unreadable.push(JSON.stringify({ except: { hide: list } }), JSON.stringify({ except: { show: list } }));
    }
    for (const text of unreadable) assert.equal(parsePolicy(text), nothing, text);
    for (const field of fields) assert.equal(nothing[field], "nobody");
  });
});

describe("a patch of a policy", () => {
  test("changes what it names, and nothing else", () => {
    const policy = merge(parsePolicy(documented), policyPatch({ invisible: true, except: { hide: ["bob"] } }));
    assert.deepEqual(policy, { ...parsePolicy(documented), invisible: true, hide: new Set(["bob"]) });
    assert.deepEqual(merge(policy, policyPatch({ type: "privacy", except: {} })), policy);
    assert.deepEqual(merge(policy, policyPatch({ except: { hide: [] } })).hide, new Set());
  });

  test("is refused by the name of what is wrong in it", () => {
    const refusals: [unknown, RegExp][] = [
      [null, /^the policy is no object$/],
      [{ invisible: "yes" }, /^invisible is neither true nor false$/],
      [{ lastSeen: "friends" }, /^lastSeen is none of audience, contacts, nobody$/],
      [{ except: { show: {} } }, /^except\.show is not a list of ids$/],
      [{ except: { hide: ["bob", 7] } }, /^except\.hide\[1\] is not a text: give 1 to 128 bytes$/],
      [{ except: { hide: Array(exceptionsMax + 1).fill("bob") } }, /^except\.hide has 1001 ids, limit 1000$/],
    ];
    for (const [content, message] of refusals) {
      assert.throws(() => policyPatch(content), { name: "PrivacyError", code: "INVALID", message });
    }
  });
});
