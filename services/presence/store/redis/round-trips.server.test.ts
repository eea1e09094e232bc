import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { startRedis, type TestRedis, waitUntil } from "@realchat/presence-testing";
import { storeOn, untilReady } from "./testing/open-store.ts";

/** Over a link that loses some of what is on the way, with its connection, each further round trip is another risk. */
test("two round trips after a connection is made each shard was ticked on it, and one after it is heard what is new", async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const proxy = await openProxy(redis);
  t.after(() => proxy.close());
  const store = storeOn(proxy);
  t.after(() => store.close());
  await store.open();
  await untilReady(store);
  store.follow(0, { entry() {}, interrupted() {} });
  for (let round = 0; round < 3; round++) {
    const before = proxy.connections.length;
    proxy.cut();
    const made = () => proxy.connections.slice(before);
    const turnOf = (command: string) =>
      made().flatMap((turns) => {
        const turn = turns.findIndex((text) => text.includes(command)) + 1;
        return turn > 0 ? [turn] : [];
      });
    await waitUntil(() => store.health().ready && turnOf("ssubscribe").length > 0, {
      what: "both connections are back",
    });
    assert.deepEqual(
      { ticks: turnOf("EVALSHA"), subscription: turnOf("ssubscribe") },
      { ticks: [2], subscription: [1] },
    );
  }
});

/** A proxy that writes down what each connection's client said, up to each reply. */
async function openProxy(target: TestRedis) {
  const connections: string[][] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const turns: string[] = [];
    connections.push(turns);
    let isClientsTurn = true;
    const redis = connect({ host: target.host, port: target.port, noDelay: true });
    for (const [socket, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on("data", (bytes) => {
      if (isClientsTurn) turns.push("");
      isClientsTurn = false;
      turns[turns.length - 1] += bytes.toString("latin1");
      redis.write(bytes);
    });
    redis.on("data", (bytes) => {
      isClientsTurn = true;
      client.write(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections,
    cut,
    close() {
      server.close();
      cut();
    },
  };
}
