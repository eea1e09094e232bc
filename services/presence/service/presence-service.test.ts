import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { defaultLimits } from "../domain/limits.ts";
import { PresenceError } from "../domain/presence-error.ts";
import { defaultRules } from "../domain/rules.ts";
import { createMemoryStore } from "../store/memory/memory-store.ts";
import type { PresenceStore, Registration } from "../store/store.ts";
import { WatchHub } from "../watch/watch-hub.ts";
import { refreshError } from "./heartbeats.ts";
import { PresenceService } from "./presence-service.ts";

const limits = { ...defaultLimits, batchMaxSessions: 3, queryMaxUsers: 3, userMaxDevices: 2 };
const phone: Registration = {
  userId: "alice",
  deviceId: "phone",
  instanceId: "gateway-1",
  connectionId: "",
  previousSessionId: "",
};
const ref = (deviceId: string, sessionId = "") => ({ userId: "alice", deviceId, sessionId });

function refusal(code: string, ...parts: string[]) {
  return (error: unknown) => {
    assert.ok(error instanceof PresenceError, String(error));
    assert.equal(error.code, code);
    for (const part of parts) assert.ok(error.message.includes(part), `"${error.message}" should name ${part}`);
    return true;
  };
}

describe("presence service", () => {
  let store: PresenceStore;
  let service: PresenceService;
  let followsAllShards: boolean;

  beforeEach(async () => {
    store = createMemoryStore(
      { rules: { ...defaultRules, userMaxDevices: 2 }, retentionMs: 3_600_000, logMaxEntries: 1_000 },
      new FakeClock(),
    );
    await store.open();
    followsAllShards = true;
    service = new PresenceService({
      store,
      limits,
      watches: new WatchHub(() => 0, 1),
      followsAllShards: () => followsAllShards,
      ...{ rules: defaultRules, clock: new FakeClock() },
    });
  });

  test("an empty id is refused, by the name of its field", async () => {
    await assert.rejects(
      service.sessions.register({ ...phone, userId: "" }),
      refusal("INVALID_ARGUMENT", "user_id", "128"),
    );
    await assert.rejects(
      service.sessions.register({ ...phone, deviceId: "" }),
      refusal("INVALID_ARGUMENT", "device_id"),
    );
    await assert.rejects(
      service.sessions.register({ ...phone, instanceId: "" }),
      refusal("INVALID_ARGUMENT", "instance_id"),
    );
    await assert.rejects(service.devicesOf(""), refusal("INVALID_ARGUMENT", "user_id"));
    assert.throws(() => service.heartbeats.refresh(ref("")), refusal("INVALID_ARGUMENT", "device_id"));
  });

  test("a node that stood still refuses nobody for good: who came later cannot be known (P7)", async () => {
    const token = { ...phone, connectionId: "socket-1" };
    const newer = { ...phone, connectionId: "socket-2" };
    await service.sessions.register(token);
    await assert.rejects(
      service.sessions.register(newer, 5_000),
      refusal("UNAVAILABLE", "stood still for 5000 ms", "send it again"),
    );
    assert.ok((await service.sessions.register(newer)).sessionId, "sent again, it is registered");
    const late = { ...token, connectionId: "socket-3", ageMs: 5_000 };
    await assert.rejects(service.sessions.register(late), refusal("FAILED_PRECONDITION", "newer connection"));
  });

  test("a call without connection_id has the device, however long it may have waited: a retry cannot be told apart", async () => {
    const { sessionId } = await service.sessions.register(phone);
    const again = await service.sessions.register({ ...phone, ageMs: 5_000 }, 5_000);
    assert.notEqual(again.sessionId, sessionId);
    assert.deepEqual(
      (await service.devicesOf("alice")).map(({ deviceId }) => deviceId),
      ["phone"],
    );
  });

  test("an id counts in bytes of UTF-8: 128 pass, 129 do not", async () => {
    const longest = "😀".repeat(32);
    assert.ok((await service.sessions.register({ ...phone, userId: longest })).sessionId);
    const tooLong = refusal("INVALID_ARGUMENT", "user_id", "129 bytes", "limit 128");
    await assert.rejects(service.sessions.register({ ...phone, userId: `${longest}x` }), tooLong);
  });

  test("control characters and lone surrogates are refused, everything else is an id", async () => {
    for (const bad of ["a\0b", "line\n", "\x7f", "\x85", "\ud800"]) {
      await assert.rejects(
        service.sessions.register({ ...phone, deviceId: bad }),
        refusal("INVALID_ARGUMENT", "device_id"),
      );
    }
    for (const odd of ["a:b", "with space", "{x}", "\\", "😀", "ä"]) {
      assert.ok((await service.sessions.register({ ...phone, userId: odd })).sessionId, odd);
    }
  });

  test("batches and queries are limited, and name the entry that is wrong", async () => {
    const four = Array.from({ length: 4 }, () => ref("phone"));
    await assert.rejects(service.heartbeats.refreshMany(four), refusal("INVALID_ARGUMENT", "sessions", "4", "limit 3"));
    await assert.rejects(
      service.heartbeats.refreshMany([ref("phone"), ref("")]),
      refusal("INVALID_ARGUMENT", "sessions[1].device_id"),
    );
    await assert.rejects(service.users(["a", "b", "c", "d"]), refusal("INVALID_ARGUMENT", "user_ids", "limit 3"));
    assert.throws(() => service.watches.users(["a", ""]), refusal("INVALID_ARGUMENT", "user_ids[1]"));
  });

  test("one device too many is refused, by its limit, and changes nothing", async () => {
    await service.sessions.register(phone);
    await service.sessions.register({ ...phone, deviceId: "laptop" });
    await assert.rejects(
      service.sessions.register({ ...phone, deviceId: "tablet" }),
      refusal("RESOURCE_EXHAUSTED", '"alice"', "limit 2"),
    );
    assert.equal((await service.devicesOf("alice")).length, 2);
  });

  test("a previous_session_id that no registration returned is refused", async () => {
    await assert.rejects(
      service.sessions.register({ ...phone, previousSessionId: "what?" }),
      refusal("INVALID_ARGUMENT", "previous_session_id", "what?"),
    );
  });

  test("an age is 0 to 7 days", async () => {
    for (const ageMs of [-1, 604_800_001, Number.NaN]) {
      await assert.rejects(
        service.sessions.register({ ...phone, ageMs }),
        refusal("INVALID_ARGUMENT", "age", "604800 s"),
      );
    }
    assert.ok((await service.sessions.register({ ...phone, ageMs: 604_800_000 })).sessionId);
  });

  test("registrations of a batch are carried out in order, each for itself, and so are ends", async () => {
    const outcomes = await service.sessions.registerEach([
      { ...phone, connectionId: "c1" },
      { ...phone, userId: "" },
      { ...phone, connectionId: "c2" },
    ]);
    const [replaced, invalid, current] = outcomes;
    assert.ok(replaced?.status === "fulfilled" && current?.status === "fulfilled");
    assert.ok(invalid?.status === "rejected" && refusal("INVALID_ARGUMENT", "user_id")(invalid.reason));
    assert.ok(replaced.value.sessionId < current.value.sessionId);
    const endings = [ref("", "1.c1"), ref("phone", replaced.value.sessionId), ref("phone", current.value.sessionId)];
    const ended = await service.sessions.unregisterEach(
      endings.map((ending) => ({ ...ending, reason: "LOGGED_OUT" as const })),
    );
    assert.deepEqual(
      ended.map(({ status }) => status),
      ["rejected", "fulfilled", "fulfilled"],
    );
    assert.equal((await service.users(["alice"]))[0]?.online, false);
  });

  test("a batch of registrations or ends too large fails as a whole, and changes nothing", async () => {
    const tooMany = refusal("INVALID_ARGUMENT", "sessions has 4 entries, limit 3: split the call");
    await assert.rejects(service.sessions.registerEach([phone, phone, phone, phone]), tooMany);
    await assert.rejects(
      service.sessions.unregisterEach(Array(4).fill({ ...ref("phone"), reason: "LOGGED_OUT" })),
      tooMany,
    );
    assert.equal((await service.users(["alice"]))[0]?.online, false);
  });

  test("a batch of heartbeats tells the missing from the superseded (P7)", async () => {
    const old = await service.sessions.register({ ...phone, connectionId: "c1" });
    const current = await service.sessions.register({ ...phone, connectionId: "c2" });
    const lost = await service.heartbeats.refreshMany([
      ref("phone", old.sessionId),
      ref("phone", current.sessionId),
      ref("laptop", "1.c9"),
    ]);
    assert.deepEqual(lost, {
      superseded: [ref("phone", old.sessionId)],
      missing: [ref("laptop", "1.c9")],
      closed: [],
    });
  });

  test("heartbeats that the store could not answer are named, and fail the call only where all did (P5)", async () => {
    const { sessionId } = await service.sessions.register({ ...phone, connectionId: "c1" });
    const failures = new Map<string, PresenceError>();
    const refresh = store.refresh.bind(store);
    store.refresh = (session, reply, tag) => {
      const error = failures.get(session.deviceId);
      if (error === undefined) refresh(session, reply, tag);
      else reply({ kind: "failed", error }, tag);
    };
    failures.set("tablet", new PresenceError("UNAVAILABLE", "its shard is away"));
    failures.set("watch", new PresenceError("DATA_LOSS", "its record cannot be read"));
    const [live, away, broken] = [ref("phone", sessionId), ref("tablet", "1.c2"), ref("watch", "1.c3")];
    assert.deepEqual((await service.heartbeats.refreshEach([away, live, broken])).unconfirmed, [away, broken]);
    assert.deepEqual(
      (await service.heartbeats.refreshEach([broken])).unconfirmed,
      [broken],
      "says nothing of the store",
    );
    assert.deepEqual(await service.heartbeats.refreshMany([live, broken]), { missing: [], superseded: [], closed: [] });
    await assert.rejects(service.heartbeats.refreshEach([broken, away]), refusal("UNAVAILABLE", "its shard is away"));
  });

  test("an unsuccessful heartbeat says what to do", async () => {
    await service.sessions.register({ ...phone, connectionId: "c1" });
    const withoutToken = await service.heartbeats.refresh(ref("phone"));
    assert.equal(withoutToken.kind, "superseded");
    assert.match(refreshError(ref("phone"), { kind: "superseded" }).message, /refresh it with its session_id/);
    assert.match(refreshError(ref("phone", "1.c"), { kind: "superseded" }).message, /close this socket/);
    assert.match(refreshError(ref("phone", "1.c"), { kind: "missing" }).message, /register it again/);
  });

  test("a connection that has ended, or was replaced, does not come back (P7)", async () => {
    const { sessionId } = await service.sessions.register({ ...phone, connectionId: "c1" });
    await service.sessions.unregister({ ...ref("phone", sessionId), reason: "UNSPECIFIED" });
    await assert.rejects(
      service.sessions.register({ ...phone, connectionId: "c1" }),
      refusal("FAILED_PRECONDITION", "ended"),
    );
    await service.sessions.register({ ...phone, connectionId: "c2" });
    await service.sessions.register({ ...phone, connectionId: "c3" });
    await assert.rejects(
      service.sessions.register({ ...phone, connectionId: "c2" }),
      refusal("FAILED_PRECONDITION", "newer"),
    );
  });

  test("a watch needs a node that hears of all changes, and room", () => {
    followsAllShards = false;
    assert.throws(() => service.watches.users([]), refusal("UNAVAILABLE"));
    followsAllShards = true;
    service.watches.users([]);
    assert.throws(() => service.watches.users([]), refusal("RESOURCE_EXHAUSTED", "limit 1"));
  });
});
