import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readClientMessage } from "./client-message.ts";

describe("a client's message", () => {
  test("subscribes, unsubscribes, logs out or pings", () => {
    assert.deepEqual(readClientMessage('{"type":"subscribe","users":["a","b:c"]}'), {
      kind: "subscribe",
      userIds: ["a", "b:c"],
    });
    assert.deepEqual(readClientMessage('{"type":"unsubscribe","users":[]}'), { kind: "unsubscribe", userIds: [] });
    assert.deepEqual(readClientMessage('{"type":"logout"}'), { kind: "logout" });
    assert.deepEqual(readClientMessage('{"type":"ping","id":7}'), { kind: "ping" });
  });

  test("says whether the device is used, or since when not", () => {
    assert.deepEqual(readClientMessage('{"type":"activity","idle":false}'), {
      ...{ kind: "activity", isIdle: false, ageMs: 0 },
    });
    assert.deepEqual(readClientMessage('{"type":"activity","idle":true,"age":90000}'), {
      ...{ kind: "activity", isIdle: true, ageMs: 90_000 },
    });
  });

  test("says the user's status, or clears it; what is left out is none", () => {
    const claim = { availability: "do-not-disturb", text: "review", emoji: "🔍", untilMs: 1_790_000_000_000 };
    const message = { ...claim, availability: "do_not_disturb", untilMs: undefined, until: claim.untilMs, age: 5 };
    assert.deepEqual(readClientMessage(JSON.stringify({ type: "status", ...message })), {
      ...{ kind: "status", claim, ageMs: 5 },
    });
    assert.deepEqual(readClientMessage('{"type":"status","text":"lunch"}'), {
      kind: "status",
      claim: { availability: undefined, text: "lunch", emoji: "", untilMs: undefined },
      ageMs: undefined,
    });
    assert.deepEqual(readClientMessage('{"type":"status","clear":true}'), {
      ...{ kind: "status", claim: undefined, ageMs: undefined },
    });
  });

  test("changes what of the user others see; what it may say is the policy's business", () => {
    const message = { type: "privacy", invisible: true };
    assert.deepEqual(readClientMessage(JSON.stringify(message)), { kind: "privacy", content: message });
  });

  test("about oneself that is invalid is refused, and the socket stays", () => {
    const why = (message: object) => {
      const read = readClientMessage(JSON.stringify(message));
      assert.equal(read.kind, "refused");
      return `${read.what}: ${read.why}`;
    };
    assert.equal(why({ type: "activity" }), "activity: idle is neither true nor false");
    assert.equal(why({ type: "activity", idle: true, age: -1 }), "activity: age is no time of at most 30 days, in ms");
    const status = (members: object) => why({ type: "status", ...members });
    assert.match(status({}), /^status: it says nothing/);
    assert.match(status({ availability: "gone" }), /none of available, away, busy, do_not_disturb$/);
    assert.match(status({ availability: "do-not-disturb" }), /none of/);
    assert.equal(status({ text: 7 }), "status: text is not a text");
    assert.match(status({ text: "🥗".repeat(141) }), /^status: text has 141 code points, limit 140: send at most 140/);
    assert.match(status({ text: "a\nb" }), /^status: text has the control character U\+000A at 1/);
    assert.match(status({ emoji: "🥗".repeat(9) }), /^status: emoji has 36 bytes, limit 32: send one emoji/);
    assert.match(status({ text: "x", until: "today" }), /^status: until is no time, in ms since 1970/);
    assert.match(status({ text: "x", age: 31 * 86_400_000 }), /^status: age is no time/);
  });

  test("may be of another version of the protocol, or an older client's resume request", () => {
    for (const text of ['{"type":"dance"}', '{"resume_token":"x","last_event_id":7}', "[]"]) {
      assert.deepEqual(readClientMessage(text), { kind: "unknown" });
    }
  });

  test("may be no JSON object at all", () => {
    for (const text of ["", "{", "null", "7", '"logout"'])
      assert.deepEqual(readClientMessage(text), { kind: "not_json" });
  });

  test("that is invalid is refused with the field and the reason", () => {
    const why = (users: unknown) => readClientMessage(JSON.stringify({ type: "subscribe", users }));
    assert.deepEqual(why("ada"), { kind: "wrong", why: "users is not a list of ids" });
    assert.deepEqual(why(["ada", 7]), { kind: "wrong", why: "users[1] is not a text" });
    assert.deepEqual(why([""]), { kind: "wrong", why: "users[0] is empty" });
    assert.deepEqual(why(["é".repeat(65)]), { kind: "wrong", why: "users[0] has 130 bytes, limit 128" });
  });
});
