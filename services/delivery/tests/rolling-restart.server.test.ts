import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { PresenceChannels } from "@realchat/presence-client";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import {
  freePort,
  startDelivery,
  startPresence,
  startRedis,
  type TestDelivery,
  type TestPresence,
  temporaryFolder,
  waitUntil,
} from "@realchat/presence-testing";
import { connect, type SocketClient, toldUsers } from "../testing/socket-client.ts";

const conversations = Array.from({ length: 20 }, (_, conversation) => ({
  conversation_id: `conversation-${conversation}`,
  participants: Array.from({ length: 10 }, (_, user) => `user-${conversation}-${user}`),
}));
const userIds = conversations.flatMap(({ participants }) => participants);

// Both gateways too, and with 5,000 sockets: npm run bench -- rolling-restart
test("both nodes behind one name are replaced, and a gateway: no call fails, and no dot turns grey", async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const port = await freePort();
  const startNode = (host: string) =>
    startPresence({ env: { REDIS_URL: redis.url, GRPC_ADDR: `${host}:${port}`, DRAIN_DELAY: "500ms" } });
  const nodes = new Map<string, TestPresence>();
  t.after(() => Promise.all([...nodes.values()].map((node) => node.kill())));
  for (const host of ["127.0.0.1", "127.0.0.2"]) nodes.set(host, await startNode(host));

  const lookup = async () => [...nodes.keys()];
  const channels = new PresenceChannels({ addresses: [`dns:///presence:${port}`], lookup, lookupEveryMs: 200 });
  t.after(() => channels.close());
  const failures = keepCalling(t, channels);
  const isCalled = async (host: string) => (await answeredBy(nodes.get(host))) > 10;
  await waitUntil(async () => (await isCalled("127.0.0.1")) && (await isCalled("127.0.0.2")), {
    what: "both are called",
  });

  const file = join(temporaryFolder("audience").path, "audience.jsonl");
  writeFileSync(file, conversations.map((conversation) => `${JSON.stringify(conversation)}\n`).join(""));
  const addresses = [1, 2, 3, 4].map((host) => `127.0.0.${host}:${port}`).join(",");
  const startGateway = async () => {
    const gateway = await startDelivery({
      env: {
        ...{ PRESENCE_SVC_ADDR: addresses, AUDIENCE_FILE: file, SAMPLE_CAST: "false" },
        ...{ DRAIN_DELAY: "500ms", DRAIN_SPREAD: "1s" },
      },
    });
    t.after(() => gateway.kill());
    return gateway;
  };
  const [leaving, staying] = await Promise.all([startGateway(), startGateway()]);
  const crowd = new ReturningCrowd([leaving, staying]);
  t.after(() => crowd.leave());
  await crowd.untilAllAreGreen();
  crowd.grey.clear();

  for (const [going, coming] of [
    ["127.0.0.1", "127.0.0.3"],
    ["127.0.0.2", "127.0.0.4"],
  ] as const) {
    nodes.set(coming, await startNode(coming));
    await waitUntil(() => isCalled(coming), { what: "the new node is called" });
    assert.equal(await nodes.get(going)?.stop(), 0);
    // Later than the node is gone, as names are.
    nodes.delete(going);
  }
  crowd.gateways = [staying, await startGateway()];
  assert.equal(await leaving.stop(), 0);
  await crowd.untilAllAreGreen();
  assert.deepEqual(failures, []);
  assert.deepEqual([...crowd.grey], []);
});

/** Eight callers, one call after the other. @returns what failed so far */
function keepCalling(t: TestContext, channels: PresenceChannels): readonly unknown[] {
  const failures: unknown[] = [];
  const over = new AbortController();
  const callers = Array.from({ length: 8 }, async () => {
    while (!over.signal.aborted) {
      await channels.api.getPresence({ userIds: ["alice"] }).catch((error: unknown) => failures.push(error));
      await pause(systemClock, 2);
    }
  });
  t.after(async () => {
    over.abort();
    await Promise.all(callers);
  });
  return failures;
}

async function answeredBy(node: TestPresence | undefined): Promise<number> {
  if (node === undefined) return 0;
  const text = await (await fetch(`http://${node.httpAddress}/metrics`)).text();
  return Number(/^presence_rpc_duration_seconds_count\{[^}]*GetPresence"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

/** A client of each user, which comes back within a second when its socket is closed. */
class ReturningCrowd {
  /** Where sockets are opened from now on. */
  gateways: readonly TestDelivery[];
  /** Who was told to be offline. */
  readonly grey = new Set<string>();
  readonly #clients = new Map<string, SocketClient>();
  readonly #lives: readonly Promise<void>[];
  #isOver = false;

  constructor(gateways: readonly TestDelivery[]) {
    this.gateways = gateways;
    this.#lives = userIds.map((userId) => this.#keepConnected(userId));
  }

  /** Until each sees the others of the conversation, and all sessions are those of the gateways that are there. */
  async untilAllAreGreen(): Promise<void> {
    const seesAll = ({ users }: SocketClient) => [...users.values()].filter(({ online }) => online).length >= 9;
    const isComplete = () => this.#clients.size === userIds.length && [...this.#clients.values()].every(seesAll);
    await waitUntil(isComplete, { what: "all see each other" });
    const isHeld = async () => {
      const metrics = await Promise.all(this.gateways.map((gateway) => gateway.metrics()));
      const held = metrics.map((of) => of.get("delivery_leased_sessions") ?? 0);
      return held.reduce((sum, sessions) => sum + sessions, 0) === userIds.length;
    };
    await waitUntil(isHeld, { what: "all are under the gateways' leases" });
  }

  async leave(): Promise<void> {
    this.#isOver = true;
    for (const { socket } of this.#clients.values()) socket.terminate();
    await Promise.all(this.#lives);
  }

  async #keepConnected(userId: string): Promise<void> {
    while (!this.#isOver) {
      const gateway = this.gateways[Math.floor(systemClock.random() * this.gateways.length)];
      const address = gateway?.socketAddress ?? "";
      const client = await connect({
        address,
        userId,
        onFrame: (frame) => {
          for (const { id, online } of toldUsers(frame)) if (!online) this.grey.add(id);
        },
      }).catch(() => undefined);
      if (client !== undefined) {
        this.#clients.set(userId, client);
        if (this.#isOver) client.socket.terminate();
        await once(client.socket, "close");
        this.#clients.delete(userId);
      }
      await pause(systemClock, systemClock.random() * 1_000);
    }
  }
}
