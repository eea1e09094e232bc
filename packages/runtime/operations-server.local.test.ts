import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { systemClock } from "./clock.ts";
import { Metrics } from "./metrics/metrics.ts";
import { type OperationsOptions, OperationsServer } from "./operations-server.ts";

async function start(t: TestContext, options: Partial<OperationsOptions> = {}) {
  const server = new OperationsServer({
    service: "presence",
    metrics: new Metrics(),
    checks: {},
    isDraining: () => false,
    clock: systemClock,
    ...options,
  });
  const port = await server.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => server.close());
  const ask = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);
  return { server, port, ask };
}

describe("operations server", () => {
  test("/metrics is what Prometheus reads", async (t) => {
    const metrics = new Metrics();
    metrics.gauge({ name: "users_online", help: "Users." }, () => 7);
    const { ask } = await start(t, { metrics });
    const answer = await ask("/metrics");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert.match(await answer.text(), /^users_online 7$/m);
  });

  test("a figure that cannot be read is a 500 that says why, and the server lives on", async (t) => {
    const metrics = new Metrics();
    metrics.gauge({ name: "users_online", help: "Users." }, () => {
      throw new Error("redis://bob:hunter2@cache is away");
    });
    const { ask } = await start(t, { metrics });
    const answer = await ask("/metrics");
    assert.equal(answer.status, 500);
    assert.equal(await answer.text(), "metrics cannot be read: redis://***@cache is away\n");
    assert.equal((await ask("/health/live")).status, 200);
  });

  test("/health/ready is 200 while every check is ready", async (t) => {
    const { ask } = await start(t, { checks: { store: () => ({ ready: true, detail: "connected" }) } });
    const answer = await ask("/health/ready");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("content-type"), "application/json");
    assert.deepEqual(await answer.json(), {
      status: "ready",
      checks: { store: { status: "ready", detail: "connected" } },
    });
  });

  test("/health/ready is 503 and shows each state when one is not, or its check fails", async (t) => {
    const { ask } = await start(t, {
      checks: {
        store: () => ({ ready: true, detail: "connected" }),
        kafka: () => ({ ready: false, detail: "kafka://u:hunter2@broker is away" }),
        lease: () => {
          throw new Error("no lease");
        },
      },
    });
    const answer = await ask("/health/ready");
    assert.equal(answer.status, 503);
    assert.deepEqual(await answer.json(), {
      status: "not ready",
      checks: {
        store: { status: "ready", detail: "connected" },
        kafka: { status: "not ready", detail: "kafka://***@broker is away" },
        lease: { status: "not ready", detail: "no lease" },
      },
    });
    assert.deepEqual(await (await ask("/health/live")).json(), { status: "live" });
  });

  test("what calls can do without is shown, and does not keep it from being ready", async (t) => {
    const { ask } = await start(t, { checks: { kafka: () => ({ ready: false, detail: "away", optional: true }) } });
    const answer = await ask("/health/ready");
    assert.equal(answer.status, 200);
    assert.deepEqual(await answer.json(), {
      status: "ready",
      checks: { kafka: { status: "not ready", detail: "away", optional: true } },
    });
  });

  test("while draining it is alive, but not ready", async (t) => {
    const { ask } = await start(t, { isDraining: () => true });
    const answer = await ask("/health/ready");
    assert.equal(answer.status, 503);
    assert.deepEqual(await answer.json(), { status: "draining", checks: {} });
    assert.equal((await ask("/health/live")).status, 200);
  });

  test("the index and a 404 name the paths there are; a query does not matter", async (t) => {
    const { ask } = await start(t);
    assert.match(await (await ask("/?a=b")).text(), /^presence\n\n\/metrics /);
    const lost = await ask("/etc/passwd");
    assert.equal(lost.status, 404);
    assert.match(await lost.text(), /\/health\/ready/);
  });

  test("only GET and HEAD are served; a body ends the connection", async (t) => {
    const { ask } = await start(t);
    const head = await ask("/health/live", { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(await head.text(), "");
    for (const method of ["POST", "DELETE", "OPTIONS"]) {
      const answer = await ask("/metrics", { method });
      assert.equal(answer.status, 405);
      assert.equal(answer.headers.get("allow"), "GET, HEAD");
    }
    const posted = await ask("/metrics", { method: "POST", body: "x" });
    assert.equal(posted.headers.get("connection"), "close");
  });

  describe("who asks by a name that could be anybody's", () => {
    const asking = async (port: number, host: string, line = "GET /metrics") => {
      const socket = connect(port, "127.0.0.1");
      socket.write(`${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      return (await socket.toArray()).join("");
    };

    test("is refused on loopback, whatever is asked for: a page could have had that name lead here", async (t) => {
      const ran: string[] = [];
      const order = { meaning: "x", run: async () => ({ status: 200, value: ran.push("x") }) };
      const { port } = await start(t, { orders: { "/order": order } });
      const lines = ["GET /metrics", "GET /", "GET /health/ready", "POST /order", "HEAD /nothing"];
      for (const host of [
        "evil.example",
        `evil.example:${port}`,
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "",
      ]) {
        for (const line of lines)
          assert.match(await asking(port, host, line), /^HTTP\/1\.1 421 /, `${line} at ${host}`);
      }
      assert.match(await asking(port, "evil.example"), /ask by address or as localhost.*HTTP_ADDR/s);
      assert.deepEqual(ran, []);
    });

    test("by address or as localhost is answered", async (t) => {
      const { port } = await start(t);
      for (const host of [
        "127.0.0.1",
        `127.0.0.1:${port}`,
        `localhost:${port}`,
        "LOCALHOST",
        `[::1]:${port}`,
        "10.1.2.3",
      ]) {
        assert.match(await asking(port, host), /^HTTP\/1\.1 200 /, host);
      }
    });

    test("is answered where other machines ask, as Prometheus does by name", async (t) => {
      const server = new OperationsServer({
        ...{ service: "presence", metrics: new Metrics(), checks: {}, isDraining: () => false, clock: systemClock },
      });
      t.after(() => server.close());
      const port = await server.listen({ host: "0.0.0.0", port: 0 });
      assert.match(await asking(port, "presence-1:8096"), /^HTTP\/1\.1 200 /);
    });

    test("an upgrade to another protocol is left alone: curl --http2", async (t) => {
      const { port } = await start(t);
      const upgrade = "127.0.0.1\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__";
      assert.match(await asking(port, upgrade), /^HTTP\/1\.1 200 /);
    });
  });

  test("an order is carried out for who POSTs it, and shown in the index", async (t) => {
    const { ask } = await start(t, {
      orders: {
        "/sum": {
          meaning: "adds up",
          run: async (request) => ({ status: 201, value: (await request.toArray()).length }),
        },
        "/fail": {
          meaning: "fails",
          async run() {
            throw new Error("redis://bob:hunter2@cache is away");
          },
        },
      },
    });
    const done = await ask("/sum?x", { method: "POST", body: "x" });
    assert.deepEqual([done.status, await done.json()], [201, 1]);
    const failed = await ask("/fail", { method: "POST" });
    assert.deepEqual([failed.status, await failed.text()], [500, "redis://***@cache is away\n"]);
    const wrong = await ask("/sum");
    assert.deepEqual([wrong.status, wrong.headers.get("allow")], [405, "POST"]);
    assert.match(await (await ask("/")).text(), /^\/sum {11}adds up$/m);
  });

  test("oversized headers are refused", async (t) => {
    const { ask } = await start(t);
    assert.equal((await ask("/", { headers: { x: "y".repeat(10_000) } })).status, 431);
  });

  test("more than 64 connections are closed at once", async (t) => {
    const { port } = await start(t);
    const sockets = Array.from({ length: 64 }, () => connect(port, "127.0.0.1"));
    t.after(() => sockets.forEach((socket) => void socket.destroy()));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    const surplus = connect(port, "127.0.0.1");
    await once(surplus, "close");
    assert.ok(sockets.every((socket) => !socket.destroyed));
  });

  test("closing does not wait for connections that idle or never ask", { timeout: 15_000 }, async (t) => {
    const { server, port, ask } = await start(t);
    await ask("/health/live");
    const silent = connect(port, "127.0.0.1");
    await once(silent, "connect");
    const closed = once(silent, "close");
    await server.close();
    await closed;
  });

  test("a port that is taken is an error", async (t) => {
    const { port } = await start(t);
    const second = new OperationsServer({
      service: "presence",
      metrics: new Metrics(),
      checks: {},
      isDraining: () => false,
      clock: systemClock,
    });
    await assert.rejects(second.listen({ host: "127.0.0.1", port }), { code: "EADDRINUSE" });
  });

  test("an empty host is all interfaces", async (t) => {
    const server = new OperationsServer({
      service: "presence",
      metrics: new Metrics(),
      checks: {},
      isDraining: () => false,
      clock: systemClock,
    });
    t.after(() => server.close());
    const port = await server.listen({ host: "", port: 0 });
    assert.equal((await fetch(`http://127.0.0.1:${port}/health/live`)).status, 200);
  });
});
