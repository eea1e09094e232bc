import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { presence, type Timestamp } from "@realchat/presence-proto";
import { RpcError } from "@realchat/presence-rpc";
import { callerLine } from "@realchat/presence-runtime/callers";
import { systemClock } from "@realchat/presence-runtime/clock";
import { freePort, temporaryFolder, waitUntil } from "@realchat/presence-testing";
import { exitCodes } from "./cli-error.ts";
import { capturedRun } from "./testing/captured-run.ts";
import { scriptedPresence } from "./testing/scripted-presence.ts";
import { timeOfDay } from "./time.ts";

// A whole second, recent enough that "5 min ago" stays true for as long as the tests run.
const nowMs = Math.floor(systemClock.nowUs() / 1_000_000) * 1_000;
const secondsAgo = (seconds: number): Timestamp => ({ seconds: nowMs / 1_000 - seconds, nanos: 0 });
const { PresenceStatus, TransitionCause, DisconnectReason } = presence;

const alice = presence.UserPresence.create({ userId: "alice", online: true, deviceIds: ["phone", "tv"], version: 17 });
const bob = presence.UserPresence.create({ userId: "bob", version: 16, lastSeenAt: secondsAgo(300), shard: 3 });

/** Runs to the end. */
async function run(...args: string[]) {
  const captured = capturedRun(args);
  return { code: await captured.exitCode, stdout: captured.stdout, stderr: captured.stderr };
}

test("the address may be written as gRPC writes a name", async (t) => {
  const addr = await scriptedPresence(t, { refreshSession: () => ({ heartbeatInterval: undefined }) });
  assert.equal((await run("refresh", "alice", "phone", "--addr", `dns:///${addr}`)).code, 0);
});

test("register tells the session_id and the pace of heartbeats", async (t) => {
  const asked: presence.RegisterSessionRequest[] = [];
  const addr = await scriptedPresence(t, {
    registerSession(request) {
      asked.push(request);
      return {
        sessionId: "17.socket",
        version: 17,
        ttl: { seconds: 60, nanos: 0 },
        heartbeatInterval: { seconds: 0, nanos: 500_000_000 },
      };
    },
  });
  const text = await run("register", "alice", "phone", "--addr", addr);
  assert.deepEqual(text, {
    code: exitCodes.done,
    stdout: [
      "● alice is online on phone at presence-cli",
      "  session_id  17.socket",
      "  version     17",
      "  lives for   60 s, refresh it every 0.5 s",
    ],
    stderr: [],
  });
  const flags = ["--instance", "gw-1", "--connection-id", "socket", "--previous-session-id", "16.socket"];
  const json = await run("register", "alice", "phone", ...flags, "--addr", addr, "--json");
  assert.deepEqual(json.stdout, ['{"sessionId":"17.socket","ttl":"60s","heartbeatInterval":"0.500s","version":17}']);
  assert.deepEqual(asked, [
    {
      userId: "alice",
      deviceId: "phone",
      instanceId: "presence-cli",
      connectionId: "",
      previousSessionId: "",
      leaseId: "",
      idleSince: undefined,
      age: undefined,
      traceparent: "",
    },
    {
      userId: "alice",
      deviceId: "phone",
      instanceId: "gw-1",
      connectionId: "socket",
      previousSessionId: "16.socket",
      leaseId: "",
      idleSince: undefined,
      age: undefined,
      traceparent: "",
    },
  ]);
});

test("refresh sends a heartbeat; an answer of old, without an interval, will do", async (t) => {
  const asked: presence.RefreshSessionRequest[] = [];
  const addr = await scriptedPresence(t, {
    refreshSession(request) {
      asked.push(request);
      return { heartbeatInterval: request.sessionId === "" ? undefined : { seconds: 20, nanos: 0 } };
    },
  });
  const withSession = ["refresh", "alice", "phone", "--session-id", "17", "--addr", addr];
  assert.deepEqual((await run(...withSession)).stdout, [
    "● alice on phone is refreshed, the next heartbeat is due in 20 s",
  ]);
  assert.deepEqual((await run(...withSession, "--json")).stdout, ['{"heartbeatInterval":"20s"}']);
  assert.deepEqual((await run("refresh", "alice", "phone", "--addr", addr)).stdout, ["● alice on phone is refreshed"]);
  assert.deepEqual((await run("refresh", "alice", "phone", "--addr", addr, "--json")).stdout, ["{}"]);
  assert.deepEqual(asked[0], { userId: "alice", deviceId: "phone", sessionId: "17" });
});

test("unregister passes on which session and why", async (t) => {
  const asked: presence.UnregisterSessionRequest[] = [];
  const addr = await scriptedPresence(t, {
    getUserDevices: () => presence.GetUserDevicesResponse.create(),
    unregisterSession(request) {
      asked.push(request);
      return {};
    },
  });
  assert.deepEqual((await run("unregister", "alice", "phone", "--addr", addr)).stdout, [
    "○ alice on phone had no live session to end",
  ]);
  const lost = ["--session-id", "17", "--reason", "connection-lost", "--json"];
  assert.deepEqual((await run("unregister", "alice", "phone", ...lost, "--addr", addr)).stdout, [
    '{"outcome":"absent"}',
  ]);
  assert.deepEqual(asked, [
    {
      userId: "alice",
      deviceId: "phone",
      sessionId: "",
      reason: DisconnectReason.DISCONNECT_REASON_UNSPECIFIED,
      traceparent: "",
    },
    {
      userId: "alice",
      deviceId: "phone",
      sessionId: "17",
      reason: DisconnectReason.DISCONNECT_REASON_CONNECTION_LOST,
      traceparent: "",
    },
  ]);
});

test("get shows who is online and where, and when the others were last seen", async (t) => {
  const addr = await scriptedPresence(t, {
    getPresence: ({ userIds }) => ({
      presences: [alice, bob],
      recovering: userIds.includes("carol"),
      lastSeenRetention: undefined,
      data: [],
    }),
  });
  const text = await run("get", "alice", "bob", "--addr", addr);
  assert.deepEqual(text, {
    code: exitCodes.done,
    stdout: ["● alice  online   on phone, tv         version 17", "○ bob    offline  last seen 5 min ago  version 16"],
    stderr: [],
  });
  const json = await run("get", "alice", "bob", "--addr", addr, "--json");
  assert.deepEqual(
    json.stdout.map((line) => JSON.parse(line)),
    [
      { userId: "alice", online: true, deviceIds: ["phone", "tv"], version: 17, shard: 0, recovering: false },
      {
        userId: "bob",
        online: false,
        deviceIds: [],
        version: 16,
        shard: 3,
        lastSeenAt: new Date(nowMs - 300_000).toISOString(),
        recovering: false,
      },
    ],
  );
  const recovering = await run("get", "alice", "bob", "carol", "--addr", addr);
  assert.deepEqual(recovering.stdout, [
    "● alice  online   on phone, tv                    version 17",
    "? bob    unknown  the store recovers from a loss",
  ]);
  assert.match(recovering.stderr.join(), /recovers from a loss: who is not online here may be/);
});

test("get and watch show what people see of users besides", async (t) => {
  const status = presence.UserStatus.fromPartial({
    ...{ availability: presence.Availability.AVAILABILITY_BUSY, text: "review", emoji: "🔍" },
    idleSince: secondsAgo(720),
  });
  const update = presence.PresenceUpdateEvent.fromPartial({
    ...{ userId: "bob", status: PresenceStatus.PRESENCE_STATUS_OFFLINE, occurredAt: nowMs / 1_000, version: 17 },
    ...{ cause: TransitionCause.TRANSITION_CAUSE_STATUS, userStatus: { text: "back on\tMonday" } },
  });
  const addr = await scriptedPresence(t, {
    getPresence: () => ({
      presences: [{ ...alice, status }, bob],
      recovering: false,
      lastSeenRetention: undefined,
      data: [],
    }),
    ...watching({ snapshot: [{ ...alice, status }], snapshotComplete: true }, { updates: [update] }),
  });
  assert.deepEqual((await run("get", "alice", "bob", "--addr", addr)).stdout, [
    "● alice  online   on phone, tv         version 17  busy, 🔍 review, idle for 12 min",
    "○ bob    offline  last seen 5 min ago  version 16",
  ]);
  const text = capturedRun(["watch", "--addr", addr]);
  await waitUntil(() => text.stdout.length === 2, { what: "both lines came" });
  text.stop();
  await text.exitCode;
  assert.deepEqual(text.stdout, [
    "● alice  online  on phone, tv  version 17  busy, 🔍 review, idle for 12 min",
    `${timeOfDay(nowMs)}  ○ bob               offline  status                                     version 17  back on\\x09Monday`,
  ]);
});

test("status set says what is claimed, until when, and shows what people see", async (t) => {
  const asked: presence.SetStatusRequest[] = [];
  const addr = await scriptedPresence(t, {
    setStatus(request) {
      asked.push(request);
      const { availability = 0, text = "", emoji = "", expiresAt: until } = request.claim ?? {};
      return { version: 17, status: { availability, text, emoji, until, idleSince: undefined } };
    },
  });
  const words = ["--availability", "busy", "--emoji", "🔍", "--text", "code review", "--until", "1h"];
  const { code, stdout } = await run("status", "set", "alice", ...words, "--addr", addr);
  assert.equal(code, exitCodes.done);
  assert.match(stdout.join(), /^● alice is busy, 🔍 code review, until (?:\d{4}-\d\d-\d\d )?\d\d:\d\d$/);
  const flags = ["--claim", "calendar", "--text", "lunch", "--json"];
  const json = await run("status", "set", "alice", ...flags, "--addr", addr);
  assert.deepEqual(json.stdout, ['{"userId":"alice","version":17,"status":{"text":"lunch"}}']);
  const [byUser, byCalendar] = asked.map(({ claim }) => claim);
  assert.deepEqual(
    [byUser?.claimId, byUser?.source, byUser?.availability, byUser?.text, byUser?.emoji],
    ["self", presence.ClaimSource.CLAIM_SOURCE_MANUAL, 3, "code review", "🔍"],
  );
  const leftMs = (byUser?.expiresAt?.seconds ?? 0) * 1_000 - nowMs;
  assert.ok(leftMs >= 3_599_000 && leftMs < 3_700_000, `${leftMs} ms`);
  assert.deepEqual(byCalendar, {
    ...{ claimId: "calendar", source: presence.ClaimSource.CLAIM_SOURCE_AUTOMATIC, availability: 0 },
    ...{ text: "lunch", emoji: "", expiresAt: undefined, setAt: undefined },
  });
  const nothing = await run("status", "set", "alice", "--addr", addr);
  assert.deepEqual([nothing.code, asked.length], [exitCodes.usage, 2]);
  assert.match(nothing.stderr.join(), /needs --availability, --text or --emoji/);
  const never = await run("status", "set", "alice", "--text", "x", "--until", "never", "--addr", addr);
  assert.match(never.stderr.join(), /--until never is no time: give 30m, 1h, today/);
});

test("status clear and status get show what people see then, and who said it", async (t) => {
  const status = presence.UserStatus.fromPartial({ text: "in a meeting" });
  const claims = [
    presence.StatusClaim.fromPartial({ claimId: "calendar", text: "in a meeting", setAt: secondsAgo(7_200) }),
    presence.StatusClaim.fromPartial({ claimId: "self", availability: 4, setAt: secondsAgo(300) }),
  ];
  const cleared: string[] = [];
  const addr = await scriptedPresence(t, {
    clearStatus({ claimId }) {
      cleared.push(claimId);
      return { version: 18, status: presence.UserStatus.create() };
    },
    getStatus: () => ({ claims, status, version: 17 }),
  });
  assert.deepEqual((await run("status", "clear", "alice", "--addr", addr)).stdout, ["○ alice is offline"]);
  const json = await run("status", "clear", "alice", "--claim", "calendar", "--addr", addr, "--json");
  assert.deepEqual(json.stdout, ['{"userId":"alice","version":18,"status":{}}']);
  assert.deepEqual(cleared, ["self", "calendar"]);
  assert.deepEqual((await run("status", "get", "alice", "--addr", addr)).stdout, [
    "○ alice is offline, in a meeting",
    "  calendar  in a meeting    said 2 h ago",
    "  self      do not disturb  said 5 min ago",
  ]);
  const got = await run("status", "get", "alice", "--addr", addr, "--json");
  const { userId, version, claims: told } = JSON.parse(got.stdout[0] ?? "");
  assert.deepEqual(
    [userId, version, told[0].claimId, told[1].availability],
    ["alice", 17, "calendar", "AVAILABILITY_DO_NOT_DISTURB"],
  );
});

test("devices asks for one user or for several at once", async (t) => {
  const phone = { deviceId: "phone", instanceId: "gw-1", connectedAt: secondsAgo(7_200) };
  const addr = await scriptedPresence(t, {
    getUserDevices: ({ userId }) => ({ devices: userId === "alice" ? [phone] : [] }),
    batchGetUserDevices: ({ userIds }) => ({
      users: userIds.map((userId) => ({
        userId,
        devices: userId === "alice" ? [phone] : [],
        unknown: userId === "carol",
      })),
    }),
  });
  assert.deepEqual((await run("devices", "alice", "--addr", addr)).stdout, [
    "● alice  phone  at gw-1  connected 2 h ago",
  ]);
  assert.deepEqual((await run("devices", "alice", "bob", "carol", "--addr", addr)).stdout, [
    "● alice  phone                at gw-1  connected 2 h ago",
    "○ bob    no device connected",
    "? carol  unknown",
  ]);
  const connectedAt = new Date(nowMs - 7_200_000).toISOString();
  assert.deepEqual((await run("devices", "alice", "bob", "--addr", addr, "--json")).stdout, [
    `{"userId":"alice","devices":[{"deviceId":"phone","instanceId":"gw-1","connectedAt":"${connectedAt}"}]}`,
    '{"userId":"bob","devices":[]}',
  ]);
});

const wentOffline = presence.PresenceUpdateEvent.create({
  userId: "alice",
  status: PresenceStatus.PRESENCE_STATUS_OFFLINE,
  occurredAt: nowMs / 1_000,
  version: 18,
  cause: TransitionCause.TRANSITION_CAUSE_CONNECTION_LOST,
  deviceId: "phone",
  instanceId: "gw-1",
});

/** WatchPresence that sends these and then waits. */
function watching(...messages: Parameters<typeof presence.WatchPresenceResponse.create>[0][]) {
  return {
    async watchPresence(
      _request: presence.WatchPresenceRequest,
      responses: { write(message: presence.WatchPresenceResponse): boolean },
      call: { signal: AbortSignal },
    ) {
      for (const message of messages) responses.write(presence.WatchPresenceResponse.create(message));
      await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
    },
  };
}

test("watch shows the snapshot, then what is newer, until Ctrl-C", async (t) => {
  const addr = await scriptedPresence(
    t,
    watching(
      { snapshot: [alice, bob], snapshotComplete: true },
      { updates: [{ ...wentOffline, version: 17 }, wentOffline] },
    ),
  );
  const text = capturedRun(["watch", "alice", "bob", "--addr", addr]);
  await waitUntil(() => text.stdout.length === 3, { what: "three lines came" });
  text.stop();
  assert.equal(await text.exitCode, exitCodes.done);
  assert.deepEqual(text.stdout, [
    "● alice  online   on phone, tv         version 17",
    "○ bob    offline  last seen 5 min ago  version 16",
    `${timeOfDay(nowMs)}  ○ alice             offline  connection lost  phone at gw-1             version 18`,
  ]);
  assert.deepEqual(text.stderr, ["Watching 2 users; Ctrl-C ends it."]);

  const json = capturedRun(["watch", "--json", "--addr", addr]);
  await waitUntil(() => json.stdout.length === 4, { what: "four lines came" });
  json.stop();
  assert.equal(await json.exitCode, exitCodes.done);
  assert.deepEqual(
    json.stdout.map((line) => JSON.parse(line)),
    [
      { kind: "snapshot", userId: "alice", online: true, deviceIds: ["phone", "tv"], version: 17, shard: 0 },
      {
        kind: "snapshot",
        userId: "bob",
        online: false,
        deviceIds: [],
        version: 16,
        shard: 3,
        lastSeenAt: new Date(nowMs - 300_000).toISOString(),
      },
      { kind: "snapshotComplete" },
      {
        kind: "update",
        userId: "alice",
        status: "PRESENCE_STATUS_OFFLINE",
        occurredAt: nowMs / 1_000,
        version: 18,
        cause: "TRANSITION_CAUSE_CONNECTION_LOST",
        deviceId: "phone",
        instanceId: "gw-1",
        shard: 0,
      },
    ],
  );
});

test("watch says when changes were missed", async (t) => {
  const addr = await scriptedPresence(
    t,
    watching({ snapshotComplete: true }, { reset: true }, { snapshot: [alice], snapshotComplete: true }),
  );
  const text = capturedRun(["watch", "--addr", addr]);
  await waitUntil(() => text.stderr.length === 3, { what: "all was said" });
  text.stop();
  assert.equal(await text.exitCode, exitCodes.done);
  assert.equal(text.stderr[1], "Some changes were missed; here is how it is now:");
});

test("watch says when the store recovers, knows nothing then of who looks offline, and says when it has", async (t) => {
  const script = watching(
    { recovering: true, snapshot: [alice, bob] },
    { recovering: true, snapshotComplete: true },
    { updates: [wentOffline] },
    { reset: true },
    { snapshot: [bob] },
    { snapshotComplete: true },
  );
  const addr = await scriptedPresence(t, script);
  const text = capturedRun(["watch", "--addr", addr]);
  await waitUntil(() => text.stderr.length === 4, { what: "all was said" });
  text.stop();
  assert.equal(await text.exitCode, exitCodes.done);
  assert.deepEqual(text.stderr, [
    "The store recovers from a loss: who is absent may be online. Changes go on.",
    "Watching everyone; Ctrl-C ends it.",
    "Recovered; here is how it is now:",
    "Watching everyone; Ctrl-C ends it.",
  ]);
  assert.match(text.stdout[1] ?? "", /^\? bob +unknown +the store recovers from a loss/);
  assert.match(text.stdout.at(-1) ?? "", /^○ bob +offline/);
  const json = capturedRun(["watch", "--addr", addr, "--json"]);
  await waitUntil(() => json.stdout.length >= 9, { what: "all was said" });
  json.stop();
  const kinds = json.stdout.map((line) => JSON.parse(line)).map(({ kind, recovering = "" }) => `${kind} ${recovering}`);
  assert.deepEqual(
    kinds.map((kind) => kind.trim()),
    [
      ...["recovering true", "snapshot", "snapshot", "snapshotComplete", "update"],
      ...["reset", "recovering false", "snapshot", "snapshotComplete"],
    ],
  );
});

test("events without Kafka says so and watches everyone", async (t) => {
  const addr = await scriptedPresence(t, watching({ snapshotComplete: true }, { updates: [wentOffline] }));
  const text = capturedRun(["events", "--addr", addr]);
  await waitUntil(() => text.stdout.length === 1, { what: "the change came" });
  text.stop();
  assert.equal(await text.exitCode, exitCodes.done);
  assert.match(text.stderr[0] ?? "", /^No Kafka: neither --brokers nor KAFKA_BROKERS is given/);
  assert.match(text.stdout[0] ?? "", /alice +offline +connection lost/);
});

test("hold keeps many users online and says goodbye for each", async (t) => {
  const living = new Set<string>();
  const connections = new Set<string>();
  const addr = await scriptedPresence(t, {
    registerSession({ userId, connectionId }) {
      living.add(userId);
      connections.add(connectionId);
      return presence.RegisterSessionResponse.create({ sessionId: userId, heartbeatInterval: { seconds: 20 } });
    },
    unregisterSession({ userId, sessionId, reason }) {
      assert.equal(userId, sessionId);
      assert.equal(reason, DisconnectReason.DISCONNECT_REASON_LOGGED_OUT);
      living.delete(userId);
      return {};
    },
  });
  const held = capturedRun(["hold", "user", "phone", "--count", "3", "--addr", addr]);
  await waitUntil(() => held.stdout.length === 3, { what: "three are held" });
  assert.deepEqual([...living].sort(), ["user-1", "user-2", "user-3"]);
  assert.equal(connections.size, 3, "each socket has a name of its own");
  held.stop();
  assert.equal(await held.exitCode, exitCodes.done);
  assert.deepEqual([...living], []);
  assert.match(held.stdout[0] ?? "", /^● user-1 on phone is online, heartbeat every 20 s; Ctrl-C ends it/);
  assert.equal(held.stdout[3], "○ user-1 on phone is unregistered");
});

test("hold stops with exit code 1 when its session was replaced", async (t) => {
  const addr = await scriptedPresence(t, {
    registerSession: () =>
      presence.RegisterSessionResponse.create({ sessionId: "17", heartbeatInterval: { nanos: 50_000_000 } }),
    refreshSession() {
      throw new RpcError("FAILED_PRECONDITION", "replaced: close this socket");
    },
  });
  const held = capturedRun(["hold", "alice", "phone", "--json", "--addr", addr]);
  assert.equal(await held.exitCode, exitCodes.rpcFailed);
  assert.deepEqual(held.stdout, [
    '{"kind":"registered","userId":"alice","deviceId":"phone","sessionId":"17","heartbeatInterval":"0.050s"}',
  ]);
  assert.deepEqual(held.stderr, ["presence: FAILED_PRECONDITION: replaced: close this socket"]);
});

test("exit codes: 1 the call failed, 2 usage, 3 unreachable", async (t) => {
  const addr = await scriptedPresence(t, {
    refreshSession() {
      throw new RpcError("NOT_FOUND", "it is gone: register it again");
    },
  });
  const failed = await run("refresh", "alice", "phone", "--addr", addr);
  assert.deepEqual(failed, {
    code: exitCodes.rpcFailed,
    stdout: [],
    stderr: ["presence: NOT_FOUND: it is gone: register it again"],
  });
  const wrong = await run("refresh", "alice");
  assert.equal(wrong.code, exitCodes.usage);
  assert.match(wrong.stderr.join(), /^presence: refresh needs DEVICE/);
  const nobody = `127.0.0.1:${await freePort()}`;
  for (const command of [["get", "alice"], ["watch"], ["hold", "alice", "phone"]]) {
    const lost = await run(...command, "--addr", nobody);
    assert.equal(lost.code, exitCodes.unreachable);
    assert.ok(lost.stderr.join().startsWith(`presence: no presence service answers at ${nobody}`));
  }
});

test("the address may come from the environment", async (t) => {
  const addr = await scriptedPresence(t, {
    getPresence: () => ({ presences: [alice], recovering: false, lastSeenRetention: undefined, data: [] }),
  });
  const captured = capturedRun(["get", "alice"], { environment: { PRESENCE_ADDR: addr } });
  assert.equal(await captured.exitCode, exitCodes.done);
});

test("ids cannot move the cursor of whoever reads them", async (t) => {
  const evil = presence.UserPresence.create({ userId: "\x1b[2Jevil\n", online: true });
  const addr = await scriptedPresence(t, {
    getPresence: () => ({ presences: [evil], recovering: false, lastSeenRetention: undefined, data: [] }),
  });
  assert.match((await run("get", "evil", "--addr", addr)).stdout[0] ?? "", /^● \\x1b\[2Jevil\\x0a {2}online/);
});

test("on a terminal the dots have their colors, and columns stay aligned", async (t) => {
  const addr = await scriptedPresence(t, {
    getPresence: () => ({ presences: [alice, bob], recovering: false, lastSeenRetention: undefined, data: [] }),
  });
  const captured = capturedRun(["get", "alice", "bob", "--addr", addr], { colors: true });
  assert.equal(await captured.exitCode, exitCodes.done);
  assert.ok(captured.stdout[0]?.startsWith("\x1b[32m●\x1b[0m alice  online"));
  assert.ok(captured.stdout[1]?.startsWith("\x1b[90m○\x1b[0m bob    offline"));
});

test("the version is that of the package", async () => {
  assert.deepEqual((await run("--version")).stdout, ["@realchat/presence-cli 0.1.0"]);
});

test("every command explains itself", async () => {
  const { stdout } = await run("--help");
  const statusCommands = ["status set", "status clear", "status get"];
  const names = ["register", "refresh", "unregister", "get", "devices", "watch", "events", "hold", ...statusCommands];
  for (const name of names) {
    assert.ok(stdout.some((line) => line.trimStart().startsWith(name)));
    const manual = await run(...name.split(" "), "--help");
    assert.equal(manual.code, exitCodes.done);
    assert.ok(manual.stdout[0]?.startsWith(`Usage: presence ${name}`));
    assert.ok(manual.stdout.some((line) => line.includes("--addr host:port")));
  }
});

test("sessions lists those of a user, or of a gateway page by page", async (t) => {
  const asked: presence.ListSessionsRequest[] = [];
  const phone = { userId: "alice", deviceId: "phone", sessionId: "17.c1", instanceId: "gw-1", leaseId: "L" };
  const addr = await scriptedPresence(t, {
    listSessions(request) {
      asked.push(request);
      if (request.pageToken === "") return { sessions: [], nextPageToken: "more" };
      return { sessions: [{ ...phone, connectedAt: secondsAgo(300) }], nextPageToken: "" };
    },
  });
  const text = await run("sessions", "--instance", "gw-1", "--addr", addr);
  assert.deepEqual(text.stdout, ["alice  phone  17.c1  at gw-1  lease L  connected 5 min ago"]);
  assert.deepEqual(
    asked.map(({ instanceId, pageToken }) => [instanceId, pageToken]),
    [
      ["gw-1", ""],
      ["gw-1", "more"],
    ],
  );
  const json = await run("sessions", "--user", "alice", "--json", "--addr", addr);
  assert.deepEqual(
    json.stdout.map((line) => JSON.parse(line)),
    [{ ...phone, connectedAt: new Date(nowMs - 300_000).toISOString() }],
  );
  const neither = await run("sessions", "--addr", addr);
  assert.deepEqual(
    [neither.code, neither.stderr[0]],
    [exitCodes.usage, "presence: sessions needs --user or --instance, one of the two"],
  );
});

test("leases lists who holds what, since when", async (t) => {
  const lease = { leaseId: "L", instanceId: "gw-1", sessions: 2 };
  const states = [presence.LeaseState.LEASE_STATE_OPEN, presence.LeaseState.LEASE_STATE_LOST];
  const leases = states.map((state, index) => ({ ...lease, leaseId: `L${index}`, state, openedAt: secondsAgo(300) }));
  let isThere = true;
  const addr = await scriptedPresence(t, {
    listLeases: () => ({ leases: isThere ? leases : [], nextPageToken: "" }),
  });
  assert.deepEqual((await run("leases", "--addr", addr)).stdout, [
    "L0  of gw-1  open  2 sessions  opened 5 min ago",
    "L1  of gw-1  lost  2 sessions  opened 5 min ago",
  ]);
  const [first = ""] = (await run("leases", "--json", "--addr", addr)).stdout;
  const openedAt = new Date(nowMs - 300_000).toISOString();
  assert.deepEqual(JSON.parse(first), { ...lease, leaseId: "L0", state: "LEASE_STATE_OPEN", openedAt });
  isThere = false;
  assert.deepEqual((await run("leases", "--addr", addr)).stdout, ["no lease: no gateway uses them"]);
});

test("close says what it ended, and for how long nobody comes back", async (t) => {
  const asked: presence.CloseSessionsRequest[] = [];
  const session = { userId: "alice", deviceId: "phone", sessionId: "17.c1" };
  const addr = await scriptedPresence(t, {
    closeSessions(request) {
      asked.push(request);
      return { closed: request.deviceId === "tv" ? [] : [session] };
    },
  });
  const flags = ["--user", "alice", "--reason", "stolen phone", "--addr", addr];
  assert.deepEqual((await run("close", ...flags, "--block-for", "10m")).stdout, [
    "○ alice on phone is closed: session 17.c1",
    "It may not register again for 600 s.",
  ]);
  assert.deepEqual((await run("close", ...flags, "--device", "tv")).stdout, ["alice had no such session"]);
  const json = await run("close", ...flags, "--device", "phone", "--session", "17.c1", "--json");
  assert.deepEqual(json.stdout, [JSON.stringify({ closed: [session] })]);
  const request = { userId: "alice", deviceId: "", sessionId: "", reason: "stolen phone", blockFor: undefined };
  assert.deepEqual(asked, [
    { ...request, blockFor: { seconds: 600, nanos: 0 } },
    { ...request, deviceId: "tv" },
    { ...request, deviceId: "phone", sessionId: "17.c1" },
  ]);
  const bare = await run("close", "--user", "alice", "--addr", addr);
  assert.deepEqual([bare.code, bare.stderr[0]], [exitCodes.usage, "presence: close needs --user and --reason"]);
});

test("token makes a token and the line that presence knows it by, without a call", async () => {
  const { code, stdout, stderr } = await run("token", "gateway-1", "--scopes", "gateway,read", "--addr", "nobody:1");
  assert.deepEqual([code, stderr], [exitCodes.done, []]);
  const [, made = ""] = /^token {2}(rcp_\S+)$/.exec(stdout[0] ?? "") ?? [];
  assert.deepEqual(stdout.slice(1), [`line   ${callerLine("gateway-1", ["gateway", "read"], made)}`]);
  const { stdout: json } = await run("token", "ops", "--scopes", "admin", "--json");
  const { token, ...rest } = JSON.parse(json.join());
  assert.deepEqual(rest, { name: "ops", scopes: ["admin"], line: callerLine("ops", ["admin"], token) });
});

test("token says what it lacks, and takes no name that the list could not have", async () => {
  assert.match(
    (await run("token", "ops")).stderr.join(),
    /token needs --scopes: of gateway, read, watch-everyone, status, admin/,
  );
  assert.match(
    (await run("token", "ops", "--scopes", "amdin")).stderr.join(),
    /--scopes amdin is unknown: give gateway/,
  );
  const wrong = await run("token", "o p s", "--scopes", "admin");
  assert.equal(wrong.code, exitCodes.usage);
  assert.match(wrong.stderr.join(), /the name may have up to 64 letters/);
});

test("a token is shown to presence, from a flag, the environment or a file, and to nobody else", async (t) => {
  const folder = temporaryFolder("cli-token");
  t.after(() => folder.remove());
  const file = join(folder.path, "token");
  writeFileSync(file, "of-the-file\n");
  const shown: unknown[] = [];
  const addr = await scriptedPresence(t, {
    getPresence(_request, call) {
      shown.push(call.metadata("authorization"));
      return presence.GetPresenceResponse.create();
    },
  });
  const get = ["get", "alice", "--addr", addr];
  await run(...get, "--token", "of-the-flag");
  await run(...get, "--token-file", file);
  for (const environment of [{ PRESENCE_TOKEN: "of-the-environment" }, { PRESENCE_TOKEN_FILE: file }]) {
    assert.equal(await capturedRun(get, { environment }).exitCode, exitCodes.done);
  }
  assert.deepEqual(
    shown,
    ["of-the-flag", "of-the-file", "of-the-environment", "of-the-file"].map((token) => `Bearer ${token}`),
  );
  assert.match((await run(...get, "--token", "x", "--token-file", file)).stderr.join(), /both --token .* are given/);
  const wrong = await run(...get, "--token", "a secret");
  assert.match(wrong.stderr.join(), /--token \*\*\* has characters that no token has/);
  assert.match((await run(...get, "--token-file", join(folder.path, "none"))).stderr.join(), /cannot be read \(ENOENT/);
});
