import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { seed } from "@realchat/presence-testing";
import { addressKey } from "./client-address.ts";

describe("a client's address", () => {
  test("of IPv6 is its /64", () => {
    assert.equal(addressKey("2001:db8:1:2:3:4:5:6"), addressKey("2001:db8:1:2::9"));
    assert.notEqual(addressKey("2001:db8:1:2::9"), addressKey("2001:db8:1:3::9"));
    assert.equal(addressKey("::1"), "0:0:0:0::/64");
    assert.equal(addressKey("127.0.0.1"), "127.0.0.1");
  });

  test("ignores the port and the brackets that a proxy may write", () => {
    for (const text of ["203.0.113.6", "203.0.113.6:50001", " 203.0.113.6 ", '"203.0.113.6:1"']) {
      assert.equal(addressKey(text), "203.0.113.6", text);
    }
    const one = ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443", '"[2001:db8::1]:65535"'];
    for (const text of one) assert.equal(addressKey(text), "2001:db8:0:0::/64", text);
  });

  test("of IPv4 stays the same when it is mapped to IPv6", () => {
    const mapped = [
      "::ffff:1.2.3.4",
      "::FFFF:1.2.3.4",
      "::ffff:102:304",
      "0:0:0:0:0:ffff:1.2.3.4",
      "[::ffff:1.2.3.4]:80",
    ];
    for (const text of mapped) assert.equal(addressKey(text), "1.2.3.4", text);
  });

  test("of IPv6 is the same in every spelling", () => {
    const spellings = [
      "2001:0DB8:0000:0000:00a0::1",
      "2001:db8::a0:0:0:1",
      "2001:DB8:0:0:A0::1",
      "2001:db8:0:0:a0::0.0.0.1",
    ];
    for (const text of spellings) assert.equal(addressKey(text), "2001:db8:0:0::/64", text);
    assert.equal(addressKey("fe80::1%eth0"), addressKey("fe80::1"));
    const chance = new FakeClock({ seed: seed() });
    const pick = (below: number) => Math.floor(chance.random() * below);
    for (let round = 0; round < 500; round++) {
      const groups = Array.from({ length: 8 }, () => (pick(2) === 0 ? 0 : 1 + pick(0xffff)));
      groups[0] = 0x2001;
      const expected = `${groups
        .slice(0, 4)
        .map((group) => group.toString(16))
        .join(":")}::/64`;
      const text = spelled(groups, pick);
      assert.equal(addressKey(text), expected, text);
    }
  });

  test("is undefined for a text that is no address", () => {
    for (const text of [
      "",
      "unknown",
      "1.2.3",
      "01.2.3.4",
      "1.2.3.4:",
      "1.2.3.4:port",
      "::1:::",
      "[::1",
      "12345::",
      "a.example",
    ]) {
      assert.equal(addressKey(text), undefined, text);
    }
  });
});

/** One of the ways to write it: with zeros in front, in capitals, one run of zero groups left out, a port. */
function spelled(groups: readonly number[], pick: (below: number) => number): string {
  const written = groups.map((group) => {
    const digits = group.toString(16).padStart(pick(2) === 0 ? 4 : 1, "0");
    return pick(2) === 0 ? digits.toUpperCase() : digits;
  });
  const runs = groups.flatMap((group, start) => (group === 0 ? [start] : []));
  const start = runs[pick(runs.length || 1)];
  let text = written.join(":");
  if (start !== undefined && pick(2) === 0) {
    let end = start;
    while (groups[end + 1] === 0) end++;
    text = `${written.slice(0, start).join(":")}::${written.slice(end + 1).join(":")}`;
  }
  return pick(2) === 0 ? text : `[${text}]:${1 + pick(65_535)}`;
}
