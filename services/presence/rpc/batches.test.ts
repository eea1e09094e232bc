import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { presence } from "@realchat/presence-proto";
import { type CallContext, RpcError, rpcCodes } from "@realchat/presence-rpc";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { seed } from "@realchat/presence-testing";
import { defaultLeasePace } from "../domain/lease.ts";
import { defaultLimits } from "../domain/limits.ts";
import { PresenceError } from "../domain/presence-error.ts";
import { defaultRules } from "../domain/rules.ts";
import { PresenceService } from "../service/presence-service.ts";
import { createMemoryStore } from "../store/memory/memory-store.ts";
import type { PresenceStore } from "../store/store.ts";
import { WatchHub } from "../watch/watch-hub.ts";
import { presenceApi } from "./presence-api.ts";

type Unary<Request, Response> = (request: Request, call: CallContext) => Promise<Response>;

interface Api {
  registerSession: Unary<presence.RegisterSessionRequest, presence.RegisterSessionResponse>;
  registerSessions: Unary<presence.RegisterSessionsRequest, presence.RegisterSessionsResponse>;
  unregisterSession: Unary<presence.UnregisterSessionRequest, presence.UnregisterSessionResponse>;
  unregisterSessions: Unary<presence.UnregisterSessionsRequest, presence.UnregisterSessionsResponse>;
  refreshSession: Unary<presence.RefreshSessionRequest, presence.RefreshSessionResponse>;
  getUserDevices: Unary<presence.GetUserDevicesRequest, presence.GetUserDevicesResponse>;
}

/** A node without a server in front. */
class Node {
  readonly clock = new FakeClock();
  readonly turns = { waitedMs: 0 };
  readonly bugs: string[] = [];
  readonly store: PresenceStore;
  readonly api: Api;
  readonly call = { connection: {}, method: "realchat.presence.v1.PresenceApi/Batch" } as CallContext;

  constructor() {
    const rules = { ...defaultRules, userMaxDevices: 2 };
    this.store = createMemoryStore(
      { rules, retentionMs: 3_600_000, logMaxEntries: 1_000, maxSessions: 1_000 },
      this.clock,
    );
    const service = new PresenceService({
      store: this.store,
      watches: new WatchHub(() => 0),
      limits: { ...defaultLimits, userMaxDevices: 2 },
      followsAllShards: () => true,
      ...{ rules, clock: this.clock },
    });
    const pace = {
      ttlMs: 60_000,
      heartbeatIntervalMs: 20_000,
      lastSeenRetentionMs: 3_600_000,
      leases: defaultLeasePace,
    };
    this.api = presenceApi(service, pace, this.turns, (method, error) => this.bugs.push(`${method}: ${error}`))
      .handlers as unknown as Api;
  }

  /** One call for each, one after the other; as the batch would answer them. */
  async registerOneByOne(sessions: presence.RegisterSessionRequest[]): Promise<presence.RegisterSessionResult[]> {
    const results: presence.RegisterSessionResult[] = [];
    for (const request of sessions) {
      const { status, answer } = await statusOf(this.api.registerSession(request, this.call));
      results.push({ ...status, session: answer, closed: undefined });
    }
    return results;
  }

  async unregisterOneByOne(sessions: presence.UnregisterSessionRequest[]): Promise<presence.UnregisterSessionResult[]> {
    const results: presence.UnregisterSessionResult[] = [];
    for (const request of sessions) {
      results.push((await statusOf(this.api.unregisterSession(request, this.call))).status);
    }
    return results;
  }
}

async function statusOf<Answer>(call: Promise<Answer>) {
  try {
    return { status: { code: 0, message: "" }, answer: await call };
  } catch (error) {
    assert.ok(error instanceof RpcError, String(error));
    return { status: { code: rpcCodes[error.code], message: error.message }, answer: undefined };
  }
}

const registration = (request: presence.DeepPartial<presence.RegisterSessionRequest>) =>
  presence.RegisterSessionRequest.fromPartial({ deviceId: "phone", instanceId: "gateway-1", ...request });

describe("batches of registrations and their ends", () => {
  let node: Node;

  beforeEach(async () => {
    node = new Node();
    await node.store.open();
  });

  test("a store that answers for one and not for another fails that one alone (P5)", async () => {
    const register = node.store.register.bind(node.store);
    const away = new PresenceError("UNAVAILABLE", "its shard is away");
    const failures: Record<string, Error> = {
      away,
      busy: new PresenceError("RESOURCE_EXHAUSTED", "too many wait", { retryAfterMs: 1_000 }),
      unreadable: new PresenceError("DATA_LOSS", "its record cannot be read"),
      buggy: new TypeError("undefined is not a function"),
    };
    node.store.register = async (request) => {
      const failure = failures[request.userId];
      if (failure !== undefined) throw failure;
      return register(request);
    };
    const users = ["anna", "away", "busy", "unreadable", "buggy", "ben"];
    const sessions = users.map((userId) => registration({ userId }));
    const { results } = await node.api.registerSessions({ sessions }, node.call);
    assert.deepEqual(
      results.map(({ code, message }) => `${code} ${message}`),
      [
        "0 ",
        "14 its shard is away",
        "14 too many wait",
        "15 its record cannot be read",
        "13 internal error: the server's log has more",
        "0 ",
      ],
      "what passes is no RESOURCE_EXHAUSTED, which would read as a limit that stays",
    );
    assert.deepEqual(node.bugs, ["realchat.presence.v1.PresenceApi/Batch: TypeError: undefined is not a function"]);
    const unregister = node.store.unregister.bind(node.store);
    node.store.unregister = async (ending) => {
      if (ending.userId === "away") throw away;
      return unregister(ending);
    };
    const ends = users
      .slice(0, 2)
      .map((userId) => presence.UnregisterSessionRequest.fromPartial({ userId, deviceId: "phone" }));
    const ended = await node.api.unregisterSessions({ sessions: ends }, node.call);
    assert.deepEqual(ended.results, [
      { code: 0, message: "" },
      { code: 14, message: "its shard is away" },
    ]);
  });

  test("a node that stood still refuses nobody of a batch for good (P7)", async () => {
    await node.api.registerSession(registration({ userId: "anna", connectionId: "c1" }), node.call);
    node.turns.waitedMs = 5_000.7;
    const sessions = [registration({ userId: "anna", connectionId: "c2" }), registration({ userId: "ben" })];
    const { results } = await node.api.registerSessions({ sessions }, node.call);
    assert.deepEqual(
      results.map(({ code }) => code),
      [rpcCodes.UNAVAILABLE, rpcCodes.OK],
    );
    assert.match(results[0]?.message ?? "", /stood still for 5000 ms/);
  });

  test("the connection has the gateway of the last one registered, as with single calls", async () => {
    const sessions = [
      registration({ userId: "anna", instanceId: "gateway-2" }),
      registration({ userId: "", instanceId: "gateway-3" }),
    ];
    await node.api.registerSessions({ sessions }, node.call);
    const heartbeat = { userId: "carl", deviceId: "phone", sessionId: "" };
    await node.api.refreshSession(heartbeat, node.call);
    const { devices } = await node.api.getUserDevices({ userId: "carl" }, node.call);
    assert.deepEqual(
      devices.map(({ instanceId }) => instanceId),
      ["gateway-2"],
    );
  });

  test("any batch is answered, and changes all, as its calls one by one would", async (t) => {
    const first = seed();
    let failed = 0;
    let succeeded = 0;
    for (let run = first; run < first + 100; run++) {
      const [batched, single] = [new Node(), new Node()];
      for (const { store } of [batched, single]) await store.open();
      const random = new FakeClock({ seed: run });
      const tokens = [""];
      const pick = <T>(choices: readonly T[]) => choices[Math.floor(random.random() * choices.length)] as T;
      const device = () => ({ userId: pick(["anna", "ben", "carl", ""]), deviceId: pick(["phone", "laptop", "tv"]) });
      const length = () => Math.floor(random.random() * 12);
      for (let step = 0; step < 10; step++) {
        const isRegister = random.random() < 0.6;
        let results: (presence.RegisterSessionResult | presence.UnregisterSessionResult)[];
        let expected: typeof results;
        if (isRegister) {
          const sessions = Array.from({ length: length() }, () =>
            registration({
              ...device(),
              connectionId: pick(["", "c1", "c2", "c3", "c4", "\0"]),
              previousSessionId: random.random() < 0.3 ? pick(tokens) : "",
              age: random.random() < 0.2 ? { seconds: pick([-1, 1, 5, 100]), nanos: 0 } : undefined,
            }),
          );
          const answer = await batched.api.registerSessions({ sessions }, batched.call);
          for (const { session } of answer.results) if (session !== undefined) tokens.push(session.sessionId);
          results = answer.results;
          expected = await single.registerOneByOne(sessions);
        } else {
          const sessions = Array.from({ length: length() }, () =>
            presence.UnregisterSessionRequest.fromPartial({
              ...device(),
              sessionId: pick(tokens),
              reason: pick<number>([0, 1, 2, 3, 99]) as presence.DisconnectReason,
            }),
          );
          results = (await batched.api.unregisterSessions({ sessions }, batched.call)).results;
          expected = await single.unregisterOneByOne(sessions);
        }
        assert.deepEqual(results, expected, `seed ${run}, step ${step}`);
        for (const { code } of results) {
          if (code === 0) succeeded++;
          else failed++;
        }
        const ms = random.random() * 20_000;
        for (const node of [batched, single]) {
          await node.clock.advance(ms);
          await node.store.tick(0, 100);
        }
        const users = ["anna", "ben", "carl"];
        assert.deepEqual(
          await batched.store.users(users),
          await single.store.users(users),
          `seed ${run}, step ${step}`,
        );
      }
    }
    t.diagnostic(`${succeeded} entries succeeded, ${failed} failed`);
    assert.ok(succeeded > 1_000 && failed > 1_000);
  });
});
