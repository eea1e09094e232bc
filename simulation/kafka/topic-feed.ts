import { PresenceFeed } from "../../packages/client/kafka/presence-feed.ts";
import { KafkaFeed } from "../../services/delivery/feed/kafka/kafka-feed.ts";
import type { Path } from "../network/path.ts";
import type { Machine } from "../time/machine.ts";
import type { SimulatedTopic } from "./simulated-topic.ts";

/** A gateway's feed: Delivery's, and the SDK's below it, on the simulated topic. */
export function topicFeed(topic: SimulatedTopic, machine: Machine, path: Path): KafkaFeed {
  const records = new PresenceFeed({ from: "now", clock: machine, usersMax: 10_000 }, topic.source(machine, path));
  return new KafkaFeed({ records, clock: machine, log: { warn() {} } });
}
