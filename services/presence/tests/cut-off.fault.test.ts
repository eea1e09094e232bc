import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { health } from "@realchat/presence-proto";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { type TestPresence, waitUntil } from "@realchat/presence-testing";
import { Fleet, metricOf } from "../testing/fleet.ts";
import { seededRandom } from "../testing/interleavings/random.ts";
import { type LossyProxy, openLossyProxy } from "../testing/lossy-proxy.ts";
import { CallFailure, connectPresence } from "../testing/presence-client.ts";

const { NOT_SERVING, SERVING } = health.HealthCheckResponse_ServingStatus;
const session = { userId: "anna", deviceId: "phone" };

describe("a node that is cut off from Redis, beside one that is not", () => {
  let fleet: Fleet;
  let link: LossyProxy;
  let bad: TestPresence;
  let balancer: Balancer;

  before(async () => {
    fleet = await Fleet.start({ nodes: 0, ttlMs: 60_000 });
    link = await openLossyProxy(fleet.redis);
    bad = await fleet.addNode({ REDIS_URL: link.url });
    const good = await fleet.addNode();
    balancer = await openBalancer([bad, good]);
  });
  after(async () => {
    balancer.close();
    await fleet.stop();
    await link.close();
  });

  test("is not ready after 5 s, and sends its callers to the other one, each once", async (t) => {
    const caller = connectPresence(balancer.address, 1_000);
    t.after(() => caller.close());
    await caller.api.registerSession({ ...session, instanceId: "gateway" });
    assert.equal(await metricOf(bad, "presence_rpc_connections_total"), 1);

    link.flap(1, seededRandom(1));
    await link.cut();
    const heldUpMs = fleet.heldUp();
    const cutMs = systemClock.monotonicMs();
    const isServed = async () => {
      try {
        await caller.api.refreshSession(session);
        return true;
      } catch (error) {
        assert(error instanceof CallFailure && error.code === "UNAVAILABLE", String(error));
        return false;
      }
    };
    assert.equal(await isServed(), false);
    await waitUntil(isServed, { what: "the balancer has given the caller the other node" });
    const servedMs = systemClock.monotonicMs() - cutMs;
    assert(servedMs > 4_500 && servedMs < 8_000 + heldUpMs(), `after ${servedMs} ms`);
    assert.equal(await metricOf(bad, "presence_cut_off"), 1);
    assert.equal((await fetch(`http://${bad.httpAddress}/health/ready`)).status, 503);

    // A caller without another node is answered, and not sent away again and again.
    const pinned = connectPresence(bad.grpcAddress, 1_000);
    t.after(() => pinned.close());
    const status = async () => (await pinned.health.check({ service: "" })).status;
    assert.equal(await status(), NOT_SERVING);
    const connections = await metricOf(bad, "presence_rpc_connections_total");
    for (let times = 0; times < 20; times++) {
      await status();
      await pause(systemClock, 100);
    }
    assert.equal(await metricOf(bad, "presence_rpc_connections_total"), connections);

    link.flap(0, seededRandom(1));
    await waitUntil(async () => (await status()) === SERVING, { what: "the node serves again" });
    assert.equal(await metricOf(bad, "presence_cut_off"), 0);
    assert.equal(await metricOf(bad, "presence_rpc_connections_total"), connections);
  });
});

interface Balancer {
  readonly address: string;
  close(): void;
}

/** Gives each new connection to the first of the nodes that is ready, as an orchestrator's service does. */
async function openBalancer(nodes: readonly TestPresence[]): Promise<Balancer> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, async (client) => {
    sockets.add(client);
    client.on("error", () => {});
    const isReady = await Promise.all(
      nodes.map(({ httpAddress }) => fetch(`http://${httpAddress}/health/ready`).then(({ ok }) => ok)),
    );
    const [host, port] = (nodes[isReady.indexOf(true)]?.grpcAddress ?? "").split(":");
    if (host === undefined || port === undefined) return client.destroy();
    const node = connect({ host, port: Number(port), noDelay: true });
    sockets.add(node);
    node.on("error", () => {});
    node.on("close", () => client.destroy());
    client.on("close", () => node.destroy());
    client.pipe(node).pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
