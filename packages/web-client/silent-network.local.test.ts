import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { after, before, test } from "node:test";
import {
  startDelivery,
  startPresence,
  type TestDelivery,
  type TestPresence,
  waitUntil,
} from "@realchat/presence-testing";
import { PresenceClient } from "./presence-client.js";
import { PageClock } from "./testing/page-clock.ts";

let presence: TestPresence;
let delivery: TestDelivery;
let network: Server;
/** Both ends of what goes through the network. */
const streams: Socket[] = [];

/** A network that swallows everything but the handshake and what came in one segment with its answer. */
before(async () => {
  presence = await startPresence();
  delivery = await startDelivery({ env: { PRESENCE_SVC_ADDR: presence.grpcAddress } });
  const [host = "", port] = delivery.socketAddress.split(":");
  network = createServer((client) => {
    const gateway = connect(Number(port), host);
    streams.push(client, gateway);
    for (const stream of [client, gateway]) stream.on("error", () => {});
    client.once("data", (request) => gateway.write(request));
    gateway.once("data", (answer) => client.write(answer));
    // From now on nobody hears of the other.
    client.on("data", () => {});
    gateway.on("data", () => {});
  });
  await new Promise<void>((resolve) => network.listen(0, "127.0.0.1", resolve));
});

after(async () => {
  for (const stream of streams) stream.destroy();
  network.close();
  await delivery.stop();
  await presence.stop();
});

test("a connection that dies before its first answer is found within 40 s, by a client that asks nothing", async () => {
  const { port } = network.address() as AddressInfo;
  const clock = new PageClock();
  const client = new PresenceClient({ url: `ws://127.0.0.1:${port}/ws?user_id=ada&device_id=phone`, clock });
  client.connect();
  await waitUntil(() => client.state.kind === "open", { what: "the socket is open" });
  // Its first ping is swallowed; what came with the handshake has been read once the gateway has answered besides.
  await clock.advance(0);
  await waitUntil(async () => (await delivery.metrics()).get("delivery_sockets") === 1, {
    what: "the gateway holds it",
  });
  await clock.advance(35_000);
  assert.deepEqual([client.state.kind, (client.state as { code?: number }).code], ["waiting", 1006]);
  client.close();
});
