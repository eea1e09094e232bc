import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { PresenceChannels, SessionKeeper, watch } from "@realchat/presence-client";
import { health, presence } from "@realchat/presence-proto";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { callerLine } from "@realchat/presence-runtime/callers";
import { startPresence, type TestPresence, temporaryFolder, waitUntil } from "@realchat/presence-testing";

const { getPresence } = presence.PresenceApiDefinition.methods;
const { check } = health.HealthDefinition.methods;

describe("callers of a node with mutual TLS and a list of them", () => {
  const folder = temporaryFolder("callers");
  const { ca, server, client } = issueCertificates({ clientNames: ["uri:spiffe://realchat/reader"] });
  const file = (name: string, text: string) => {
    const path = join(folder.path, name);
    writeFileSync(path, text);
    return path;
  };
  const list = (...lines: string[]) => file("callers", lines.join("\n"));
  const gatewayLine = callerLine("gateway-1", ["gateway", "read", "watch-everyone"], "gateway-token");
  const readerLine = "reader read uri:spiffe://realchat/reader";
  const secret = "a secret of at least thirty-two bytes";
  let node: TestPresence;
  let grpcJs: Client;

  before(async () => {
    node = await startPresence({
      env: {
        TLS_CERT: file("server.pem", server.certificate),
        TLS_KEY: file("server.key", server.key),
        TLS_CLIENT_CA: file("ca.pem", ca),
        API_TOKENS_FILE: list(gatewayLine, readerLine),
        API_JWT_SECRET: secret,
        API_JWT_AUDIENCE: "presence",
        CALLER_CALLS_PER_SECOND: "200",
      },
    });
    const [root, key, certificate] = [ca, client.key, client.certificate].map((pem) => Buffer.from(pem));
    grpcJs = new Client(node.grpcAddress, credentials.createSsl(root, key, certificate));
  });

  after(async () => {
    grpcJs.close();
    assert.equal(await node.stop(), 0);
    folder.remove();
  });

  const tls = { ca, certificate: client.certificate, key: client.key };
  const channelsWith = (token: string | (() => string)) =>
    new PresenceChannels({ addresses: [node.grpcAddress], tls, token });

  /** One call as grpc-js makes it; "OK", or the status that it ended with. */
  function statusOf(path: string, authorization?: string): Promise<string> {
    const metadata = new Metadata();
    if (authorization !== undefined) metadata.set("authorization", authorization);
    const empty = (message: Buffer) => message;
    return new Promise((resolve) => {
      grpcJs.makeUnaryRequest(path, empty, empty, Buffer.alloc(0), metadata, (error: ServiceError | null) => {
        const advice = error?.metadata.get("grpc-retry-pushback-ms")[0];
        resolve(error === null ? "OK" : `${status[error.code]}: ${error.details}${advice ? `, in ${advice} ms` : ""}`);
      });
    });
  }
  const pathOf = (method: string) => `/${presence.PresenceApiDefinition.fullName}/${method}`;

  test("are known by a token, or without one by the certificate; who is neither is told what is missing", async () => {
    assert.equal(await statusOf(pathOf(getPresence.name)), "OK");
    assert.match(await statusOf(pathOf("ListLeases")), /^PERMISSION_DENIED: reader .* the scope admin/);
    assert.equal(await statusOf(pathOf(getPresence.name), "Bearer gateway-token"), "OK");
    assert.match(
      await statusOf(pathOf(getPresence.name), "Bearer nobodys-token"),
      /^UNAUTHENTICATED: .*presence token/,
    );
    assert.equal(await statusOf(`/${health.HealthDefinition.fullName}/${check.name}`, "Bearer nobodys-token"), "OK");
  });

  test("are known by a JSON Web Token that was made for presence, with the scopes of its claim", async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const bearerOf = (aud: string) => {
      const signed = `${part({ alg: "HS256" })}.${part({ sub: "billing", scope: "openid gateway", aud })}`;
      return `Bearer ${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
    };
    assert.match(await statusOf(pathOf(getPresence.name), bearerOf("presence")), /^PERMISSION_DENIED: billing .* read/);
    assert.equal(await statusOf(pathOf("UnregisterSessions"), bearerOf("presence")), "OK");
    assert.match(await statusOf(pathOf(getPresence.name), bearerOf("chat")), /^UNAUTHENTICATED: .*"aud" claim/);
  });

  test("work through the SDK as ever, and are in the metrics by name", async () => {
    await using channels = channelsWith("gateway-token");
    const keeper = new SessionKeeper({ channels, instanceId: "gateway-1" });
    const stop = new AbortController();
    const session = keeper.open({ userId: "alice", deviceId: "phone" });
    for await (const news of watch(channels, { users: "everyone", signal: stop.signal })) {
      if (news.kind === "change" && news.userId === "alice" && news.online) stop.abort();
    }
    session.close("logged-out");
    await keeper.drain();
    const metrics = await (await fetch(`http://${node.httpAddress}/metrics`)).text();
    assert.match(metrics, /^presence_caller_calls_total\{caller="gateway-1",outcome="admitted"\} [1-9]/m);
    assert.match(metrics, /^presence_caller_calls_total\{caller="reader",outcome="denied"\} [1-9]/m);
    assert.match(metrics, /^presence_caller_streams\{caller="gateway-1"\} \d/m);
    assert.match(metrics, /^presence_unauthenticated_calls_total [1-9]/m);
  });

  test("that call too often are told when to come again, and others are served meanwhile", async () => {
    const calls = Array.from({ length: 400 }, () => statusOf(pathOf(getPresence.name)));
    const refused = (await Promise.all(calls)).filter((outcome) => outcome !== "OK");
    assert.ok(refused.length > 100, `${refused.length} were refused`);
    for (const outcome of refused) {
      assert.match(outcome, /^RESOURCE_EXHAUSTED: reader makes more than 200 calls a second .*, in \d+ ms$/);
    }
    assert.equal(await statusOf(pathOf(getPresence.name), "Bearer gateway-token"), "OK");
  });

  test("a gateway whose token is not known drops nobody, says why it waits, and goes on once it has the right one", async () => {
    let token = "not-yet-known";
    await using channels = channelsWith(() => token);
    const keeper = new SessionKeeper({ channels, instanceId: "gateway-1" });
    const session = keeper.open({ userId: "bob", deviceId: "phone" });
    session.onRefused(({ message }) => assert.fail(message));
    const told = () => channels.health().channels[0]?.detail ?? "";
    await waitUntil(() => told().startsWith("serving, but refused a call: this token is not known here"), {
      what: "it is told why",
    });
    token = "gateway-token";
    await waitUntil(() => session.state === "online", { what: "the session is registered" });
    await keeper.drain();
  });

  test("a gateway goes on while its token is replaced, and a list that is wrong changes nothing", async () => {
    let token = "gateway-token";
    await using channels = channelsWith(() => token);
    const isServed = () =>
      channels.api.getPresence({ userIds: ["alice"] }).then(
        () => true,
        () => false,
      );
    assert.ok(await isServed());
    const nextLine = callerLine("gateway-1", ["gateway", "read", "watch-everyone"], "next-token");
    list(gatewayLine, nextLine, readerLine);
    await waitUntil(async () => (await statusOf(pathOf(getPresence.name), "Bearer next-token")) === "OK", {
      what: "the new token counts",
    });
    assert.ok(await isServed());
    token = "next-token";
    assert.ok(await isServed());
    list("gateway-1 gateway,raed 00");
    await waitUntil(() => /unknown scope/.test(node.logs()), { what: "the list that is wrong is refused" });
    assert.ok(await isServed());
    list(nextLine, readerLine);
    await waitUntil(async () => (await statusOf(pathOf(getPresence.name), "Bearer gateway-token")) !== "OK", {
      what: "the old token counts no more",
    });
    assert.ok(await isServed());
  });
});
