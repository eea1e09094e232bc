import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { startKafka, type TestKafka, waitUntil } from "@realchat/presence-testing";
import type { EventCollector } from "../testing/event-collector.ts";
import { Fleet } from "../testing/fleet.ts";
import { historyOf } from "../testing/history.ts";
import { Watched } from "./contract/watched.ts";

describe("events on their way to Kafka", () => {
  let kafka: TestKafka;
  let fleet: Fleet;

  before(async () => {
    kafka = await startKafka();
    fleet = await Fleet.start({ nodes: 2, ttlMs: 60_000, kafka });
  });
  after(async () => {
    await fleet.stop();
    await kafka.stop();
  });

  test("Kafka, GetPresence, WatchPresence and Register return the same versions, on every node (P3)", async () => {
    const users = usersOf("spoken");
    const watches = await Promise.all(fleet.clients.map((node) => Watched.start(node, users)));
    const spoken = await comeAndGo(fleet, users, 3);
    const collector = await fleet.collect();
    await untilComplete(collector, spoken);
    for (const [userId, changes] of spoken) {
      for (const watch of watches) {
        await waitUntil(() => watch.changesOf(userId).at(-1) === changes.at(-1), {
          what: `the end of ${userId} is told`,
        });
        // A watch sends the latest state: of changes that come while it sends, only the last.
        const told = watch.changesOf(userId);
        assert.deepEqual(
          told,
          changes.filter((change) => told.includes(change)),
        );
      }
      for (const event of historyOf(collector.of(userId))) assertWellFormed(event);
    }
    await collector.close();
  });

  test("entries that a killed node wrote and did not publish reach Kafka through another node (P4)", async () => {
    kafka.pause();
    const spoken = await comeAndGo(fleet, usersOf("inherited"), 3);
    const [victim] = fleet.nodes;
    assert(victim !== undefined);
    await fleet.kill(victim);
    kafka.resume();
    await untilComplete(await fleet.collect(), spoken);
    await fleet.addNode();
  });

  test("entries from before Kafka and all nodes were killed reach Kafka through a later node (P4)", async () => {
    await kafka.kill();
    const spoken = await comeAndGo(fleet, usersOf("late"), 3);
    await Promise.all(fleet.nodes.map((node) => fleet.kill(node)));
    await kafka.restart();
    await fleet.addNode();
    await untilComplete(await fleet.collect(), spoken);
    await fleet.addNode();
  });

  test("a restart of Kafka in mid-stream loses no event and no order (P3, P4)", async () => {
    let restarted = false;
    const restart = (async () => {
      await pause(systemClock, 300);
      await kafka.kill();
      await pause(systemClock, 1_000);
      await kafka.restart();
      await pause(systemClock, 300);
      restarted = true;
    })();
    const spoken = new Map<string, string[]>();
    for (let wave = 0; !restarted; wave++) {
      for (const [userId, changes] of await comeAndGo(fleet, usersOf(`wave-${wave}`, 10), 2)) {
        spoken.set(userId, changes);
      }
      await pause(systemClock, 100);
    }
    await restart;
    await untilComplete(await fleet.collect(), spoken);
  });
});

function usersOf(name: string, count = 48): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`);
}

/**
 * Each user comes and goes and is online in the end; calls go to the nodes in turn.
 * @returns by user the changes as Register and GetPresence told them, as `Watched.changesOf` writes them
 */
async function comeAndGo(fleet: Fleet, users: readonly string[], rounds: number): Promise<Map<string, string[]>> {
  const spoken = new Map<string, string[]>();
  let turn = 0;
  const node = () => {
    const client = fleet.clients[turn++ % fleet.clients.length];
    assert(client !== undefined);
    return client.api;
  };
  await Promise.all(
    users.map(async (userId) => {
      const changes: string[] = [];
      const device = { userId, deviceId: "phone" };
      for (let round = 0; round < rounds; round++) {
        const { sessionId, version } = await node().registerSession({ ...device, instanceId: "gateway" });
        changes.push(`+${version}`);
        if (round === rounds - 1) break;
        await node().unregisterSession({ ...device, sessionId });
        const { presences } = await node().getPresence({ userIds: [userId] });
        assert.equal(presences[0]?.online, false);
        changes.push(`-${presences[0]?.version}`);
      }
      spoken.set(userId, changes);
    }),
  );
  return spoken;
}

/** Waits until Kafka holds all of it, and checks that it holds nothing else of these users. */
async function untilComplete(collector: EventCollector, spoken: ReadonlyMap<string, readonly string[]>): Promise<void> {
  const isThere = () =>
    [...spoken].every(([userId, changes]) => {
      const versions = new Set(collector.of(userId).map(({ version }) => version));
      return changes.every((change) => versions.has(Number(change.slice(1))));
    });
  await waitUntil(isThere, { what: "every transition is in Kafka" });
  for (const [userId, changes] of spoken) {
    const told = historyOf(collector.of(userId)).map(({ online, version }) => `${online ? "+" : "-"}${version}`);
    assert.deepEqual(told, changes);
  }
}

/** As docs/contract.md has it: an envelope, the user as key, CloudEvents headers. */
function assertWellFormed(event: ReturnType<EventCollector["of"]>[number]): void {
  const { userId, version, online, update, envelope, headers } = event;
  assert.equal(event.key, userId);
  assert.equal(envelope.schemaVersion, 1);
  assert.equal(update.occurredAt, Math.floor(version / 1_000_000));
  assert.equal(envelope.occurredAt?.seconds, update.occurredAt);
  assert.deepEqual(
    [headers.ce_specversion, headers.ce_id, headers.ce_type, headers.ce_subject, headers["content-type"]],
    [
      "1.0",
      `${update.shard}:${version}`,
      `realchat.presence.v1.User${online ? "Online" : "Offline"}`,
      userId,
      "application/protobuf",
    ],
  );
}
