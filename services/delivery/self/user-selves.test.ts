import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  PresenceClientError,
  plainStatus,
  type StatusClaim,
  type StatusKeeper,
  type ToldStatus,
} from "@realchat/presence-client";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { everything, merge, type Policy, type PolicyPatch } from "../privacy/policy.ts";
import { PrivacyError } from "../privacy/privacy-error.ts";
import type { Dot } from "../push/dot.ts";
import type { PrivacyMessage, StatusMessage } from "./self.ts";
import { UserSelves } from "./user-selves.ts";

const lunch: StatusMessage = {
  ...{ kind: "status", ageMs: undefined },
  claim: { availability: "busy", text: "lunch", emoji: "", untilMs: undefined },
};
const clear: StatusMessage = { kind: "status", claim: undefined, ageMs: undefined };

/** Selves between sockets and a presence of which a test decides what it answers. */
function scene() {
  const clock = new FakeClock();
  const known = new Map<string, Pick<Dot, "online" | "version" | "status">>();
  const looked: string[][] = [];
  const calls: (StatusClaim | "clear")[] = [];
  const heard: string[] = [];
  const state = {
    answer: async (): Promise<ToldStatus> => ({ status: plainStatus(true), version: 7 }),
    /** Before policies are read. */
    reads: async () => {},
  };
  const stored = new Map<string, Policy>();
  const policies = {
    rules: { mayBeInvisible: true, rolesThatSee: new Set<string>() },
    policiesOf: async (userIds: readonly string[]) => {
      await state.reads();
      const known = (userId: string) => ({ policy: stored.get(userId) ?? everything, sinceMs: 0, hidden: undefined });
      return new Map(userIds.map((userId) => [userId, known(userId)]));
    },
    change: async (userId: string, patch: PolicyPatch) => {
      stored.set(userId, merge(stored.get(userId) ?? everything, patch));
      return stored.get(userId) ?? everything;
    },
  };
  const statuses: Pick<StatusKeeper, "setStatus" | "clearStatus" | "heard"> = {
    setStatus: (_, claim) => {
      calls.push(claim);
      return state.answer();
    },
    clearStatus: () => {
      calls.push("clear");
      return state.answer();
    },
    heard: ({ userId }) => heard.push(userId),
  };
  const selves = new UserSelves({
    ...{ statuses, policies, clock, lookupMax: 100, usersMax: 1_000 },
    lookup: async (userIds) => {
      looked.push([...userIds]);
      const dots = userIds.map((userId) => ({ ...offline, ...known.get(userId), userId }));
      return { dots, recovering: false, dataSince: new Map(), lastSeenRetentionMs: 0 };
    },
  });
  /** Connects a socket; what it was told, without types and headers. */
  const connect = (userId = "ada", takesSelf = true) => {
    const told: string[] = [];
    const self = selves.connect(userId, {
      takesSelf,
      tellSelf: ({ status: { availability, text }, policy }) =>
        told.push(`${availability}${text && ` ${text}`}${policy?.invisible ? ", invisible" : ""}`),
      tellRefused: (what, why) => told.push(`no ${what}: ${why}`),
    });
    return { self, told };
  };
  return { clock, known, looked, calls, heard, state, stored, policies, selves, connect };
}

const offline: Dot = {
  ...{ userId: "", online: false, version: 0, cause: 0, deviceId: "", atUs: 0, lastSeenMs: 0, shard: 0 },
  ...{ status: plainStatus(false), devices: undefined },
};
const online = (version: number, text = "") => ({
  ...{ online: true, version, status: text === "" ? plainStatus(true) : { ...plainStatus(true), text } },
});

describe("a user's own sockets", () => {
  test("are told the status after connecting, all that connect together by one look-up", async () => {
    const { clock, known, looked, connect } = scene();
    known.set("ada", online(3, "review"));
    known.set("bob", online(4));
    const [ada, bob] = [connect("ada"), connect("bob")];
    await clock.advance(100);
    const second = connect("ada");
    assert.deepEqual([ada.told, bob.told, second.told], [["available review"], ["available"], ["available review"]]);
    assert.deepEqual(looked, [["ada", "bob"]]);
  });

  test("are told once presence has them, and each change of the status, once", async () => {
    const { clock, connect, selves, heard } = scene();
    const { told } = connect();
    await clock.advance(0);
    assert.deepEqual(told, []);
    const update = (state: Pick<Dot, "online" | "version" | "status">) =>
      selves.update({ ...offline, ...state, userId: "ada" });
    update(online(5));
    update(online(5));
    update(online(7, "lunch"));
    update(online(6, "older"));
    update({ ...online(8), online: false, status: plainStatus(false) });
    update(online(9, "lunch"));
    assert.deepEqual(told, ["available", "available lunch"]);
    assert.equal(heard.length, 6, "a status that was changed elsewhere is not said again");
  });

  test("are told what a gap hid", async () => {
    const { clock, known, connect, selves } = scene();
    known.set("ada", online(3));
    const { told } = connect();
    await clock.advance(100);
    known.set("ada", online(9, "lunch"));
    selves.gap();
    await clock.advance(0);
    assert.deepEqual(told, ["available", "available lunch"]);
  });

  test("are not looked up when the feed tells that presence has them, and told once, with the policy", async () => {
    const { clock, stored, looked, state, connect, selves } = scene();
    const { promise, resolve } = Promise.withResolvers<void>();
    state.reads = () => promise;
    stored.set("ada", { ...everything, invisible: true });
    const [first, second] = [connect(), connect()];
    await clock.advance(30);
    selves.update({ ...offline, ...online(5), userId: "ada" });
    await clock.advance(200);
    assert.deepEqual(first.told, []);
    resolve();
    await clock.advance(0);
    assert.deepEqual([first.told, second.told], [["available, invisible"], ["available, invisible"]]);
    assert.deepEqual(looked, []);
  });

  test("are looked up though it was told that their user was gone, by a session before", async () => {
    const { clock, known, connect, selves } = scene();
    const { told } = connect();
    known.set("ada", online(7));
    selves.update({ ...offline, ...online(5), online: false, userId: "ada" });
    await clock.advance(100);
    assert.deepEqual(told, ["available"]);
  });

  test("of the older protocol are not looked up for nothing, and say what they say", async () => {
    const { clock, looked, calls, connect } = scene();
    const { self } = connect("ada", false);
    self.say(lunch);
    await clock.advance(100);
    assert.deepEqual([looked.length, calls.length], [0, 1]);
  });

  test("leave nothing behind when they are closed", async () => {
    const { clock, looked, connect, selves } = scene();
    const [first, second] = [connect(), connect()];
    first.self.close();
    assert.equal(selves.metrics.bounds.selves.used, 1);
    second.self.close();
    await clock.advance(100);
    assert.deepEqual(looked, []);
    const { selves: users, selfPolicies, selfLookups } = selves.metrics.bounds;
    assert.deepEqual([users.used, selfPolicies.used, selfLookups.used], [0, 0, 0]);
  });
});

describe("a status that a user says", () => {
  test("is set, and told to all of the user's sockets; the answer comes though nothing has changed", async () => {
    const { clock, calls, known, state, connect } = scene();
    known.set("ada", online(3));
    const [phone, laptop] = [connect(), connect()];
    await clock.advance(100);
    state.answer = async () => ({ status: { ...plainStatus(true), availability: "busy", text: "lunch" }, version: 8 });
    phone.self.say(lunch);
    await clock.advance(0);
    phone.self.say({ ...lunch, ageMs: 5_000 });
    await clock.advance(0);
    const told = ["available", "busy lunch"];
    assert.deepEqual([phone.told, laptop.told], [[...told, "busy lunch"], told]);
    const [now, before] = calls as StatusClaim[];
    assert.deepEqual([now?.availability, now?.text, now?.setAtMs], ["busy", "lunch", undefined]);
    assert.equal(before?.setAtMs, Math.floor(clock.nowUs() / 1_000) - 5_000);
  });

  test("goes to presence in the order in which it was said", async () => {
    const { clock, calls, state, connect } = scene();
    const { promise, resolve } = Promise.withResolvers<ToldStatus>();
    state.answer = () => promise;
    const { self } = connect();
    self.say(lunch);
    self.say(clear);
    await clock.advance(0);
    assert.equal(calls.length, 1);
    resolve({ status: plainStatus(true), version: 8 });
    await clock.advance(0);
    assert.deepEqual(
      calls.map((call) => call === "clear"),
      [false, true],
    );
  });

  test("is refused with what is wrong, and nothing about the insides of this system", async () => {
    const { clock, state, connect, selves } = scene();
    const { self, told } = connect();
    const refusals = [
      ["INVALID_ARGUMENT", "claim.expires_at has passed: send a later one, or clear the claim"],
      ["UNAVAILABLE", "no presence node answers (10.0.0.7:50056: broken)"],
      ["UNIMPLEMENTED", "no status here: node-7 knows none"],
    ] as const;
    for (const [code, message] of refusals) {
      state.answer = () => Promise.reject(new PresenceClientError(code, message));
      self.say(lunch);
      await clock.advance(0);
    }
    self.refuse("activity", "idle is neither true nor false");
    assert.deepEqual(told, [
      "no status: until has passed: send a later one, or clear the claim",
      "no status: it cannot be stored now: try again later",
      "no status: statuses are not known here yet",
      "no activity: idle is neither true nor false",
    ]);
    assert.deepEqual(selves.metrics.refusals, { activity: 1, status: 3, privacy: 0 });
  });

  test("ten times a minute is the most, by all sockets of a user together", async () => {
    const { clock, calls, connect } = scene();
    const [phone, laptop, other] = [connect(), connect(), connect("bob")];
    await clock.advance(0);
    for (let count = 0; count < 7; count++) phone.self.say(lunch);
    for (let count = 0; count < 7; count++) laptop.self.say(clear);
    other.self.say(lunch);
    await clock.advance(0);
    assert.equal(calls.length, 11);
    const refused = laptop.told.filter((one) => /^no status: 10 a minute are the limit/.test(one));
    assert.equal(refused.length, 4);
  });
});

describe("a policy that a user changes", () => {
  const change = (content: object): PrivacyMessage => ({ kind: "privacy", content });

  test("is told to all of the user's sockets, whichever gateway it was changed by", async () => {
    const { clock, known, stored, connect, selves } = scene();
    known.set("ada", online(3));
    const [phone, laptop, other] = [connect(), connect(), connect("bob")];
    await clock.advance(100);
    phone.self.say(change({ type: "privacy", invisible: true }));
    await clock.advance(0);
    stored.set("ada", everything);
    selves.policiesChanged(["ada", "nobody here"]);
    await clock.advance(0);
    const told = ["available", "available, invisible", "available"];
    assert.deepEqual([phone.told, laptop.told, other.told], [told, told, []]);
    phone.self.say(change({ invisible: false }));
    await clock.advance(0);
    assert.deepEqual([phone.told.length, laptop.told.length], [4, 3], "the answer, though nothing has changed");
  });

  test("is refused with what is wrong, or not allowed", async () => {
    const { clock, policies, connect } = scene();
    const { self, told } = connect();
    self.say(change({ lastSeen: "friends" }));
    policies.rules.mayBeInvisible = false;
    self.say(change({ invisible: true }));
    policies.change = () => Promise.reject(new PrivacyError("UNAVAILABLE", "10.0.0.9:6379 does not answer"));
    await clock.advance(0);
    self.say(change({ invisible: false }));
    await clock.advance(0);
    assert.deepEqual(told, [
      "no privacy: lastSeen is none of audience, contacts, nobody",
      "no privacy: invisible is not allowed in your organisation",
      "no privacy: it cannot be stored now: try again later",
    ]);
  });
});
