import { startDelivery, startPresence, type TestDelivery, waitUntil } from "@realchat/presence-testing";
import { loggedOut } from "../../services/delivery/gateway/close-codes.ts";
import { jsonProtocol } from "../../services/delivery/gateway/protocols/json-frames.ts";
import { connectPresence } from "../../services/presence/testing/presence-client.ts";
import { socketUrl } from "../delivery/crowd/crowd.ts";
import { gatewaySettings } from "../delivery/embedded-gateway.ts";
import { audienceFile, knowEachOther, type Relation } from "../delivery/relations.ts";
import { cpuUsOf } from "../load/process-usage.ts";
import { startMeasuredRedis } from "../redis/measured-redis.ts";
import type { FleetClient } from "./fleet-process.ts";
import { type Gateway, roomOf, roomSize, type Side } from "./side.ts";

const memberId = (index: number) => `member-${index}`;
const watcherId = (index: number) => `watcher-${index}`;
const star = { userId: "star", deviceId: "phone", instanceId: "elsewhere" };

/** A presence node on Redis and our gateways. @param crowd members and watchers that there may be */
export async function startOurSide(crowd: { members: number; watchers: number }): Promise<Side> {
  const redis = await startMeasuredRedis();
  const node = await startPresence({ env: { REDIS_URL: redis.url, LOG_LEVEL: "warn" } });
  const presence = connectPresence(node.grpcAddress);
  const audience = audienceFile(relations(crowd));
  const gateways = new Map<Gateway, TestDelivery>();
  let sessionId = "";
  const client = (userId: string, { address }: Gateway): FleetClient => ({
    url: socketUrl(address, userId),
    protocol: jsonProtocol,
    headers: {},
    hello: undefined,
    ready: '"type":"snapshot"',
  });
  return {
    name: "RealChat",
    member: (index, gateway) => client(memberId(index), gateway),
    watcher: (index, gateway) => client(watcherId(index), gateway),
    star: { online: '"id":"star","online":true', offline: '"id":"star","online":false' },
    grey: '"online":false',
    async come() {
      ({ sessionId } = await presence.api.registerSession(star));
    },
    async go() {
      await presence.api.unregisterSession({ ...star, sessionId });
    },
    async startGateway() {
      const env = { ...gatewaySettings, PRESENCE_SVC_ADDR: node.grpcAddress, AUDIENCE_FILE: audience };
      const delivery = await startDelivery({ env });
      const gateway: Gateway = {
        address: delivery.socketAddress,
        pid: delivery.pid,
        kill() {
          gateways.delete(gateway);
          return delivery.kill();
        },
      };
      gateways.set(gateway, delivery);
      return gateway;
    },
    async cpu() {
      let used = 0;
      for (const { pid } of gateways.keys()) used += cpuUsOf(pid);
      return { gateways: used, presence: cpuUsOf(node.pid), redis: await redis.cpuUs() };
    },
    async untilRegistered(gateway, clients) {
      const delivery = gateways.get(gateway) as TestDelivery;
      const online = async () => (await delivery.metrics()).get('delivery_sessions{state="online"}') === clients;
      await waitUntil(online, { what: `${clients} sessions are registered`, deadlineMs: 60_000 });
    },
    goodbye: loggedOut,
    async stop() {
      presence.close();
      for (const gateway of gateways.keys()) await gateway.kill();
      await node.stop();
      await redis.stop();
    },
  };
}

function* relations(crowd: { members: number; watchers: number }): Generator<Relation> {
  for (let first = 0; first < crowd.members; first += roomSize) {
    const participants = Array.from({ length: roomSize }, (_, seat) => memberId(first + seat));
    yield { conversation_id: roomOf(first), participants };
  }
  for (let index = 0; index < crowd.watchers; index++) yield* knowEachOther(star.userId, watcherId(index));
}
