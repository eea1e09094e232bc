import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { presence } from "@realchat/presence-proto";
import type { EventCollector } from "../testing/event-collector.ts";
import { Fleet } from "../testing/fleet.ts";
import { historyOf } from "../testing/history.ts";
import { CallFailure, type PresenceClient } from "../testing/presence-client.ts";

const { DISCONNECT_REASON_UNSPECIFIED, DISCONNECT_REASON_LOGGED_OUT, DISCONNECT_REASON_CONNECTION_LOST } =
  presence.DisconnectReason;
const device = { userId: "anna", deviceId: "phone" };
const rounds = 60;
const bothRefused = ["FAILED_PRECONDITION", "FAILED_PRECONDITION"];

describe("two gateways that fight over one device, through two nodes", () => {
  let fleet: Fleet;
  let kafka: EventCollector;

  before(async () => {
    fleet = await Fleet.start({ nodes: 2, ttlMs: 60_000 });
    kafka = await fleet.collect();
  });
  after(() => fleet.stop());

  test("the last registration has the device; the others can neither refresh, end nor replace it, even after a crash (P7)", async () => {
    const sockets: Socket[] = [];
    const fight = async (node: PresenceClient, gateway: string) => {
      for (let round = 0; round < rounds; round++) {
        const socket = await open(node, `${gateway}-${round}`);
        sockets.push(socket);
        const replaced = sockets.filter((other) => orderOf(other) < orderOf(socket));
        const attacker = replaced[Math.floor(replaced.length / 2)];
        if (attacker !== undefined) assert.deepEqual(await attack(node, attacker), bothRefused);
      }
    };
    const [one, two] = fleet.clients;
    assert(one !== undefined && two !== undefined);
    await Promise.all([fight(one, "gateway-1"), fight(two, "gateway-2")]);

    const [victim] = fleet.nodes;
    assert(victim !== undefined);
    await fleet.kill(victim);
    await fleet.addNode();

    const last = sockets.reduce((latest, socket) => (orderOf(socket) > orderOf(latest) ? socket : latest));
    assert.equal(new Set(sockets.map(orderOf)).size, 2 * rounds, "no two sockets have the same place");
    for (const node of fleet.clients) {
      for (const socket of sockets.filter((socket) => socket !== last)) {
        assert.deepEqual(await attack(node, socket), bothRefused);
      }
      await node.api.refreshSession({ ...device, sessionId: last.sessionId });
      const { devices } = await node.api.getUserDevices(device);
      assert.deepEqual(
        devices.map(({ instanceId }) => instanceId),
        [last.connectionId],
      );
    }

    await two.api.unregisterSession({ ...device, sessionId: last.sessionId });
    await kafka.first(device.userId, "offline");
    assert.deepEqual(
      historyOf(kafka.of(device.userId)).map(({ online }) => online),
      [true, false],
    );
  });
});

interface Socket {
  readonly connectionId: string;
  readonly sessionId: string;
}

function orderOf({ sessionId }: Socket): number {
  return Number(sessionId.slice(0, sessionId.indexOf(".")));
}

async function open({ api }: PresenceClient, connectionId: string): Promise<Socket> {
  const { sessionId } = await api.registerSession({ ...device, instanceId: connectionId, connectionId });
  return { connectionId, sessionId };
}

/**
 * All that a socket which does not know that it was replaced may do.
 * @returns how its Refresh and its Register were answered
 */
async function attack({ api }: PresenceClient, { connectionId, sessionId }: Socket): Promise<string[]> {
  for (const reason of [
    DISCONNECT_REASON_UNSPECIFIED,
    DISCONNECT_REASON_LOGGED_OUT,
    DISCONNECT_REASON_CONNECTION_LOST,
  ]) {
    await api.unregisterSession({ ...device, sessionId, reason });
  }
  const request = { ...device, instanceId: connectionId, connectionId, previousSessionId: sessionId };
  return Promise.all([codeOf(api.refreshSession({ ...device, sessionId })), codeOf(api.registerSession(request))]);
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "OK";
  } catch (error) {
    assert(error instanceof CallFailure);
    return error.code;
  }
}
