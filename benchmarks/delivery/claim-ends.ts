import { presence as contract, durationOf } from "@realchat/presence-proto";
import { systemClock as clock } from "@realchat/presence-runtime/clock";
import { startDelivery, startKafka, startPresence, startRedis, waitUntil } from "@realchat/presence-testing";
import { connect, toldUsers } from "../../services/delivery/testing/socket-client.ts";
import { connectPresence, type PresenceClient } from "../../services/presence/testing/presence-client.ts";
import type { Bench, Benchmark } from "../benchmark.ts";
import { percentile } from "../report/figure.ts";
import { gatewaySettings, withEmbeddedGateway } from "./embedded-gateway.ts";
import { audienceFile, knowEachOther, type Relation } from "./relations.ts";

/** Claims end one after the other, so far apart, ms; the first one after all are set. */
const everyMs = 25;
const firstAfterMs = 3_000;
const watcher = "watcher";

/** From the moment at which a claim ends to the frame that shows it, on the socket of a contact. */
export const claimEnds: Benchmark = {
  name: "claim-ends",
  about: "from the end of what somebody said of itself to the dot on a contact's socket",
  limitSeconds: 240,
  async run(bench) {
    const people = Array.from({ length: bench.quick ? 50 : 400 }, (_, index) => `person-${index}`);
    const rounds = bench.quick ? 1 : 3;
    bench.progress("in memory");
    await withEmbeddedGateway(relations(people), async ({ socketAddress }, presence) => {
      await measure(bench, "embedded", { socketAddress, presence, people, rounds });
    });
    bench.progress("through Redis and Kafka");
    const [redis, kafka] = await Promise.all([startRedis(), startKafka()]);
    const servers = { REDIS_URL: redis.url, KAFKA_BROKERS: kafka.brokers };
    const node = await startPresence({ env: { ...servers, LOG_LEVEL: "warn" } });
    const place = { PRESENCE_SVC_ADDR: node.grpcAddress, AUDIENCE_FILE: audienceFile(relations(people)) };
    const gateway = await startDelivery({ env: { ...gatewaySettings, ...servers, ...place } });
    const presence = connectPresence(node.grpcAddress);
    await measure(bench, "Redis, Kafka", { socketAddress: gateway.socketAddress, presence, people, rounds });
    presence.close();
    await gateway.stop();
    await node.stop();
    await Promise.all([redis.stop(), kafka.stop()]);
  },
};

function relations(people: readonly string[]): Relation[] {
  return people.flatMap((person) => knowEachOther(person, watcher));
}

interface Scene {
  readonly socketAddress: string;
  readonly presence: PresenceClient;
  readonly people: readonly string[];
  readonly rounds: number;
}

async function measure(bench: Bench, name: string, { socketAddress, presence, people, rounds }: Scene): Promise<void> {
  const busy = new Set<string>();
  const plainAtMs = new Map<string, number>();
  const client = await connect({
    address: socketAddress,
    userId: watcher,
    onFrame(frame) {
      for (const { id, availability } of toldUsers(frame)) {
        if (availability === "busy") busy.add(id);
        else if (busy.delete(id)) plainAtMs.set(id, clock.nowUs() / 1_000);
      }
    },
  });
  await Promise.all(
    people.map((userId) => presence.api.registerSession({ userId, deviceId: "phone", instanceId: "elsewhere" })),
  );
  const tookMs: number[][] = [];
  for (let round = 0; round < rounds; round++) {
    plainAtMs.clear();
    const firstMs = Math.ceil(clock.nowUs() / 1_000) + firstAfterMs;
    const endMs = (index: number) => firstMs + index * everyMs;
    await Promise.all(
      people.map((userId, index) => presence.api.setStatus({ userId, claim: busyUntil(endMs(index)) })),
    );
    await waitUntil(() => plainAtMs.size === people.length, { what: "all claims are over", deadlineMs: 60_000 });
    tookMs.push(people.map((userId, index) => (plainAtMs.get(userId) as number) - endMs(index)));
  }
  client.socket.close();
  const report = (what: string, share: number, atMost?: number) =>
    bench.report({
      name: `${name}: a claim's end → dot, ${what}`,
      unit: "ms",
      samples: tookMs.map((took) => percentile(took, share)),
      target: atMost === undefined ? undefined : { atMost },
    });
  report("p50", 0.5);
  report("p99", 0.99, 1_200);
}

/** @param endMs wall clock */
function busyUntil(endMs: number) {
  const { Availability, ClaimSource } = contract;
  return {
    claimId: "self",
    availability: Availability.AVAILABILITY_BUSY,
    source: ClaimSource.CLAIM_SOURCE_MANUAL,
    expiresAt: durationOf(endMs),
  };
}
