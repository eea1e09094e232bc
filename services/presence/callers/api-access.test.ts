import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, test } from "node:test";
import { health, presence, reflection } from "@realchat/presence-proto";
import { type CallContext, RpcError } from "@realchat/presence-rpc";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import type { JwtVerdict } from "@realchat/presence-runtime/authentication";
import { callerLine, parseCallers } from "@realchat/presence-runtime/callers";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { selfClaim } from "../domain/status.ts";
import { ApiAccess } from "./api-access.ts";
import type { Quotas } from "./caller-accounts.ts";
import { guardedMethods } from "./method-needs.ts";

const { PresenceApiDefinition } = presence;
const api = (method: string) => `${PresenceApiDefinition.fullName}/${method}`;

interface Scene {
  readonly lines?: readonly string[];
  readonly quotas?: Partial<Quotas>;
  /** What comes of each JSON Web Token. */
  readonly jwt?: Readonly<Record<string, JwtVerdict>>;
}

const gatewayLine = callerLine("gateway-1", ["gateway"], "of-gateway");
const readerLine = callerLine("reader", ["read"], "of-reader");

/** A node's access, and calls on one connection of it. */
function node({ lines = [gatewayLine, readerLine], quotas = {}, jwt }: Scene = {}) {
  const clock = new FakeClock();
  let verified = 0;
  const tokens = jwt && {
    async verify(token: string): Promise<JwtVerdict> {
      verified++;
      return jwt[token] ?? { kind: "invalid", message: "the token is not valid: nobody signed it" };
    },
  };
  const listed = (these: readonly string[]) => parseCallers(these.join("\n"));
  const access = new ApiAccess(
    { listed: listed(lines), tokens },
    { callsPerSecond: 1_000, streamsMax: 100, ...quotas },
    clock,
  );
  const connection = {};

  /** What the caller gets: what the handler answers, or the refusal. */
  async function call(method: string, token?: string, more: CallMore = {}): Promise<string> {
    const { request = {}, certificate, answer = () => "answered", on = connection } = more;
    const authorization = token === undefined ? undefined : `Bearer ${token}`;
    const context = {
      method,
      connection: on,
      peerCertificate: certificate,
      metadata: (key: string) => (key === "authorization" ? (more.authorization ?? authorization) : undefined),
    } as CallContext;
    try {
      return String(await access.interceptor(context, answer, request));
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      const advice = error.retryAfterMs === undefined ? "" : ` (again in ${error.retryAfterMs} ms)`;
      return `${error.code}: ${error.message}${advice}`;
    }
  }
  const replace = (...these: string[]) => access.replaceList(listed(these));
  return { access, call, replace, clock, verified: () => verified };
}

interface CallMore {
  readonly request?: object;
  readonly certificate?: X509Certificate;
  readonly answer?: () => unknown;
  readonly on?: object;
  readonly authorization?: string;
}

describe("who may call", () => {
  test("is decided for every method of every service", () => {
    const definitions = [PresenceApiDefinition, health.HealthDefinition, reflection.ServerReflectionDefinition];
    for (const { fullName, methods } of definitions) {
      for (const { name } of Object.values(methods)) assert.ok(guardedMethods.has(`${fullName}/${name}`), name);
    }
  });

  test("a caller may what one of its scopes allows, and is told which one it lacks", async () => {
    const { call } = node();
    assert.equal(await call(api("RegisterSession"), "of-gateway"), "answered");
    assert.equal(await call(api("GetUserDevices"), "of-gateway"), "answered");
    assert.equal(await call(api("GetUserDevices"), "of-reader"), "answered");
    assert.equal(
      await call(api("RegisterSession"), "of-reader"),
      "PERMISSION_DENIED: reader may not call realchat.presence.v1.PresenceApi/RegisterSession, which takes the scope gateway: add it to its line in API_TOKENS_FILE",
    );
    for (const method of ["CloseSessions", "ListSessions", "ListLeases"]) {
      assert.match(await call(api(method), "of-reader"), /^PERMISSION_DENIED: .*the scope admin/, method);
    }
  });

  test("to watch everyone takes more than to watch users by name", async () => {
    const { call } = node();
    const named = { request: { userIds: ["alice"] }, answer: async () => "watched" };
    assert.equal(await call(api("WatchPresence"), "of-reader", named), "watched");
    const everyone = { request: { userIds: [] } };
    assert.match(await call(api("WatchPresence"), "of-reader", everyone), /^PERMISSION_DENIED: .*scope watch-everyone/);
    assert.match(await call(api("WatchDevices"), "of-reader"), /^PERMISSION_DENIED: .*scope watch-everyone/);
  });

  test("what users say of themselves comes through gateways, what calendars say through whoever has the scope for it", async () => {
    const { call } = node({ lines: [gatewayLine, callerLine("calendar", ["status"], "of-calendar")] });
    const claims = (claimId: string) =>
      [
        ["SetStatus", { claim: { claimId } }],
        ["ClearStatus", { claimId }],
      ] as const;
    for (const [method, request] of claims(selfClaim)) {
      assert.equal(await call(api(method), "of-gateway", { request }), "answered");
      assert.match(await call(api(method), "of-calendar", { request }), /^PERMISSION_DENIED: .*the scope gateway/);
    }
    for (const [method, request] of claims("calendar")) {
      assert.equal(await call(api(method), "of-gateway", { request }), "answered");
      assert.equal(await call(api(method), "of-calendar", { request }), "answered");
    }
  });

  test("health takes nothing, reflection a caller with whatever scope", async () => {
    const { call } = node();
    assert.equal(await call("grpc.health.v1.Health/Check"), "answered");
    for (const version of ["v1", "v1alpha"]) {
      const reflect = `grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
      assert.match(await call(reflect), /^UNAUTHENTICATED: /);
      assert.equal(await call(reflect, "of-reader", { answer: async () => "reflected" }), "reflected");
    }
  });

  test("a method that nobody decided about is a fault of ours, and not answered", async () => {
    await assert.rejects(node().call("grpc.testing.TestService/EmptyCall", "of-gateway"), /nobody has decided/);
  });
});

describe("callers who are not known", () => {
  test("are told what is missing and how to get it, but not what is right", async () => {
    const { call, access } = node();
    assert.match(
      await call(api("GetPresence")),
      /^UNAUTHENTICATED: the call has no token: send one as "authorization: Bearer TOKEN"/,
    );
    assert.match(
      await call(api("GetPresence"), "of-nobody"),
      /^UNAUTHENTICATED: this token is not known here: "presence token NAME/,
    );
    for (const authorization of ["of-reader", "Basic of-reader", "Bearer ", "Bearer of reader", "bearerof-reader"]) {
      assert.match(
        await call(api("GetPresence"), "", { authorization }),
        /^UNAUTHENTICATED: authorization is not of the form/,
      );
    }
    assert.equal(await call(api("GetPresence"), "", { authorization: "bearer  of-reader" }), "answered");
    assert.equal(access.metrics().unauthenticated, 7);
  });

  test("do not pass for what their connection showed before", async () => {
    const { call } = node();
    assert.equal(await call(api("GetPresence"), "of-reader"), "answered");
    assert.match(await call(api("GetPresence")), /^UNAUTHENTICATED/);
    assert.match(await call(api("GetPresence"), "of-reade"), /^UNAUTHENTICATED/);
    assert.match(await call(api("GetPresence"), "of-gateway"), /^PERMISSION_DENIED: gateway-1/);
    assert.equal(await call(api("GetPresence"), "of-reader"), "answered");
  });

  test("are those of a list that was replaced, also on connections that they have open", async () => {
    const { call, replace } = node();
    assert.equal(await call(api("GetPresence"), "of-reader"), "answered");
    replace(gatewayLine, callerLine("reader", ["read"], "new-of-reader"));
    assert.match(await call(api("GetPresence"), "of-reader"), /^UNAUTHENTICATED/);
    assert.equal(await call(api("GetPresence"), "new-of-reader"), "answered");
  });
});

describe("callers with certificates", () => {
  const { client } = issueCertificates({
    clientNames: ["dns:client.example", "uri:spiffe://realchat/client, DNS:ops"],
  });
  const certificate = new X509Certificate(client.certificate);
  const lines = (...lines: string[]) => ({ lines: [gatewayLine, ...lines] });

  for (const identity of ["cn:Test client", "dns:client.example", "uri:spiffe://realchat/client, DNS:ops"]) {
    test(`are known by what it carries, such as ${identity}`, async () => {
      const { call } = node(lines(`client read ${identity}`));
      assert.equal(await call(api("GetPresence"), undefined, { certificate }), "answered");
      assert.match(await call(api("KeepLease"), undefined, { certificate }), /^PERMISSION_DENIED: client /);
    });
  }

  test("are told which one is not listed; a token that is sent counts instead", async () => {
    const { call } = node(lines("client read dns:ops", "client read cn:Test"));
    assert.match(
      await call(api("GetPresence"), undefined, { certificate }),
      /^UNAUTHENTICATED: the call has no token, and no line of API_TOKENS_FILE is for uri:spiffe/,
    );
    assert.equal(await call(api("KeepLease"), "of-gateway", { certificate }), "answered");
    const { call: known } = node(lines("client read cn:Test client"));
    assert.match(
      await known(api("GetPresence"), "wrong", { certificate }),
      /^UNAUTHENTICATED: this token is not known/,
    );
  });
});

describe("callers with JSON Web Tokens", () => {
  const valid = (scope: unknown, expiresAtMs?: number): JwtVerdict => ({
    ...{ kind: "valid", subject: "billing", claims: { scope }, expiresAtMs },
  });

  test("have the scopes of its claim, and no others", async () => {
    const { call } = node({
      jwt: {
        "a.b.c": valid("openid read"),
        "d.e.f": valid(["read"]),
        "g.h.i": { kind: "unavailable", message: "later" },
      },
    });
    assert.equal(await call(api("GetPresence"), "a.b.c"), "answered");
    assert.match(
      await call(api("CloseSessions"), "a.b.c"),
      /^PERMISSION_DENIED: billing .* scope admin: add it to the scope claim of its token/,
    );
    assert.match(await call(api("GetPresence"), "d.e.f"), /^PERMISSION_DENIED: billing/);
    assert.equal(await call(api("GetPresence"), "g.h.i"), "UNAVAILABLE: later (again in 1000 ms)");
    assert.match(await call(api("GetPresence"), "x.y.z"), /^UNAUTHENTICATED: the token is not valid: nobody signed it/);
    assert.equal(await call(api("RegisterSession"), "of-gateway"), "answered");
  });

  test("are checked once, on however many connections, and again when they run out or ten seconds later", async () => {
    const nowMs = new FakeClock().nowUs() / 1_000;
    const jwt = { "a.b.c": valid("read"), "d.e.f": valid("read", nowMs + 3_000) };
    const { call, verified, clock } = node({ jwt });
    const ask = async (token: string, on?: object) => {
      assert.equal(await call(api("GetPresence"), token, { on }), "answered");
      return verified();
    };
    for (const on of [{}, {}, undefined, undefined]) assert.equal(await ask("a.b.c", on), 1);
    assert.equal(await ask("d.e.f", {}), 2);
    await clock.advance(3_000);
    assert.equal(await ask("a.b.c"), 2);
    assert.equal(await ask("d.e.f"), 3);
    await clock.advance(7_000);
    assert.equal(await ask("a.b.c"), 4);
  });
});

describe("quotas", () => {
  test("are a caller's own, over all its tokens and connections; what is beyond is told when to come again", async () => {
    const lines = [gatewayLine, callerLine("gateway-1", ["gateway"], "its-second"), readerLine];
    const { call, clock, access } = node({ lines, quotas: { callsPerSecond: 2 } });
    assert.equal(await call(api("KeepLease"), "of-gateway"), "answered");
    assert.equal(await call(api("KeepLease"), "its-second", { on: {} }), "answered");
    assert.equal(
      await call(api("KeepLease"), "of-gateway"),
      "RESOURCE_EXHAUSTED: gateway-1 makes more than 2 calls a second on this node, its limit (CALLER_CALLS_PER_SECOND) (again in 500 ms)",
    );
    assert.equal(await call(api("GetPresence"), "of-reader"), "answered");
    await clock.advance(500);
    assert.equal(await call(api("KeepLease"), "of-gateway"), "answered");
    const counts = [...access.metrics().accounts].map(({ name, counts }) => [name, counts]);
    assert.deepEqual(counts, [
      ["gateway-1", { admitted: 3, denied: 0, exhausted: 1 }],
      ["reader", { admitted: 1, denied: 0, exhausted: 0 }],
    ]);
  });

  test("of streams count those that are open, however they end", async () => {
    const { call, access } = node({ quotas: { streamsMax: 2 } });
    const open = [Promise.withResolvers<string>(), Promise.withResolvers<string>()] as const;
    const watch = (answer: () => unknown) => call(api("WatchLease"), "of-gateway", { answer });
    const watches = open.map(({ promise }) => watch(() => promise));
    const streams = () => [...access.metrics().accounts].map((account) => account.streams);
    assert.deepEqual(streams(), [2]);
    assert.match(await watch(async () => "third"), /^RESOURCE_EXHAUSTED: .*2 streams open.*\(again in 1000 ms\)$/);
    assert.equal(await call(api("KeepLease"), "of-gateway"), "answered");
    open[0].resolve("over");
    open[1].reject(new RpcError("CANCELLED", "gone"));
    assert.deepEqual(await Promise.all(watches), ["over", "CANCELLED: gone"]);
    assert.deepEqual(streams(), [0]);
    assert.equal(await watch(async () => "fourth"), "fourth");
  });

  test("names without end share one account, so that neither memory nor metrics grow", async () => {
    const names = Array.from({ length: 1_100 }, (_, place) => `caller-${place}`);
    const jwt = Object.fromEntries(
      names.map((subject): [string, JwtVerdict] => [
        `${subject}.b.c`,
        { kind: "valid", subject, claims: { scope: "read" }, expiresAtMs: undefined },
      ]),
    );
    const { call, access } = node({ jwt });
    for (const name of names) assert.equal(await call(api("GetPresence"), `${name}.b.c`), "answered");
    const accounts = [...access.metrics().accounts];
    assert.equal(accounts.length, 1_001);
    assert.equal(accounts.at(-1)?.name, "(others)");
    assert.equal(accounts.at(-1)?.counts.admitted, 100);
  });
});
