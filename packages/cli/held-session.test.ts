import assert from "node:assert/strict";
import { test } from "node:test";
import { presence } from "@realchat/presence-proto";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { CliError, type CliErrorCode } from "./cli-error.ts";
import { type HoldNews, holdSession } from "./held-session.ts";
import type { PresenceApi } from "./presence-api.ts";

const heartbeatMs = 20_000;
const interval = { seconds: heartbeatMs / 1_000, nanos: 0 };
const { DISCONNECT_REASON_LOGGED_OUT } = presence.DisconnectReason;

/** How the service answers: with an error where there is one. */
interface Answers {
  register?: CliErrorCode;
  refresh?: CliErrorCode;
}

/** A session held on a fake clock by a service that answers as it is told. */
function hold(next: Answers = {}) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const calls: string[] = [];
  const news: HoldNews["kind"][] = [];
  let sessions = 0;
  const answer = (code: CliErrorCode | undefined) => {
    if (code !== undefined) throw new CliError(code, "as the test says");
  };
  const api: Pick<PresenceApi, "registerSession" | "refreshSession" | "unregisterSession"> = {
    async registerSession({ connectionId, previousSessionId }) {
      calls.push(`register ${connectionId} ${previousSessionId}`.trim());
      answer(next.register);
      return { sessionId: `session-${++sessions}`, version: 1, ttl: undefined, heartbeatInterval: interval };
    },
    async refreshSession({ sessionId }) {
      calls.push(`refresh ${sessionId}`);
      answer(next.refresh);
      return { heartbeatInterval: interval };
    },
    async unregisterSession({ sessionId, reason }) {
      calls.push(`unregister ${sessionId} ${reason}`);
      return {};
    },
  };
  const session = {
    userId: "alice",
    deviceId: "phone",
    instanceId: "gw-1",
    connectionId: "socket-1",
    reason: DISCONNECT_REASON_LOGGED_OUT,
  };
  const outcome = holdSession(session, {
    api: api as PresenceApi,
    clock,
    timeoutMs: 1_000,
    stop: stop.signal,
    tell: ({ kind }) => news.push(kind),
  }).then(
    () => "done",
    (error: CliError) => error.code,
  );
  return { clock, stop, calls, news, next, outcome, take: () => calls.splice(0) };
}

test("heartbeats keep the pace that the server dictates, and the end is announced", async () => {
  const { clock, stop, news, outcome, take } = hold();
  await clock.advance(heartbeatMs);
  assert.deepEqual(take(), ["register socket-1", "refresh session-1"], "the first one comes early");
  await clock.advance(3 * heartbeatMs);
  assert.deepEqual(take(), ["refresh session-1", "refresh session-1", "refresh session-1"]);
  stop.abort();
  assert.equal(await outcome, "done");
  assert.deepEqual(take(), [`unregister session-1 ${DISCONNECT_REASON_LOGGED_OUT}`]);
  assert.deepEqual(news, ["registered", "ended"]);
});

test("a session that is gone comes back with its previous session_id", async () => {
  const { clock, stop, next, news, outcome, take } = hold();
  next.refresh = "NOT_FOUND";
  await clock.advance(heartbeatMs);
  assert.deepEqual(take(), ["register socket-1", "refresh session-1", "register socket-1 session-1"]);
  next.refresh = undefined;
  await clock.advance(heartbeatMs);
  assert.deepEqual(take(), ["refresh session-2"]);
  stop.abort();
  assert.equal(await outcome, "done");
  assert.deepEqual(news, ["registered", "registered-again", "ended"]);
});

for (const code of ["UNREACHABLE", "UNAVAILABLE", "DEADLINE_EXCEEDED"] as const) {
  test(`an outage (${code}) is outlived: a try at least every 5 s, one line when it begins and one when it ends (P6)`, async () => {
    const { clock, stop, next, news, outcome, take } = hold();
    await clock.advance(heartbeatMs);
    take();
    next.refresh = code;
    await clock.advance(heartbeatMs);
    for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 5_000) {
      take();
      await clock.advance(5_000);
      assert.ok(take().length >= 1, `no heartbeat was tried within 5 s, ${waitedMs} ms into the outage`);
    }
    next.refresh = undefined;
    await clock.advance(5_000);
    stop.abort();
    assert.equal(await outcome, "done");
    assert.deepEqual(news, ["registered", "trouble", "trouble-over", "ended"]);
  });
}

test("an outage while it comes back is outlived, too", async () => {
  const { clock, stop, next, news, outcome, take } = hold();
  next.refresh = "NOT_FOUND";
  next.register = "UNREACHABLE";
  await clock.advance(heartbeatMs);
  next.register = undefined;
  next.refresh = undefined;
  await clock.advance(5_000);
  assert.ok(take().includes("register socket-1 session-1"));
  stop.abort();
  assert.equal(await outcome, "done");
  assert.deepEqual(news, ["registered", "trouble", "registered-again", "ended"]);
});

test("a session that was superseded is let go: no further call (P7)", async () => {
  const { clock, next, outcome, take } = hold();
  next.refresh = "FAILED_PRECONDITION";
  await clock.advance(heartbeatMs);
  assert.equal(await outcome, "FAILED_PRECONDITION");
  assert.deepEqual(take(), ["register socket-1", "refresh session-1"]);
});

test("what cannot be registered to begin with is not tried again", async () => {
  const { clock, outcome, take } = hold({ register: "UNREACHABLE" });
  assert.equal(await outcome, "UNREACHABLE");
  await clock.advance(heartbeatMs);
  assert.deepEqual(take(), ["register socket-1"]);
});
