import { events as contract, type presence } from "@realchat/presence-proto";
import { showAddress } from "@realchat/presence-runtime/settings";
import { CliError } from "../cli-error.ts";
import { defineCommand } from "../command.ts";
import { contentOf, type TopicRecord } from "../feed/event-record.ts";
import { given } from "../flag.ts";
import { envelopeJson, resetJson, updateJson } from "../json.ts";
import { printable } from "../layout.ts";
import type { Terminal } from "../terminal.ts";
import { kafkaFlags, kafkaSecurity } from "./kafka-flags.ts";
import { updateLine } from "./update-line.ts";
import { watchPresence } from "./watch.ts";

export const events = defineCommand({
  name: "events",
  summary: "the events on Kafka as they are published; without Kafka, watch",
  operands: [],
  flags: {
    ...kafkaFlags,
    "from-beginning": given("begin with what the topic still holds, not with what comes now"),
  },
  details: [
    "Reads the topic of the events with all its partitions until Ctrl-C: what a consumer such as",
    "Delivery gets, repetitions included. After a loss, who is online is said again (cause restated),",
    "then each partition has a line for each shard: who was not said again is offline. Without --brokers and KAFKA_BROKERS it streams",
    "WatchPresence of everyone instead, which has the same changes in another form.",
  ].join("\n"),
  examples: ["events", "events --brokers 127.0.0.1:9092 --from-beginning --json"],
  async run(invocation) {
    const { flags, terminal, clock, stopSignal } = invocation;
    if (flags.brokers === undefined) {
      terminal.note(
        "No Kafka: neither --brokers nor KAFKA_BROKERS is given. Streaming WatchPresence of everyone instead.",
      );
      return watchPresence(invocation, []);
    }
    checkNode(process.versions.node);
    // Loaded only here: the Kafka client takes as long to load as the rest of the command line together.
    const { tailTopic } = await import("../feed/kafka/tail-topic.ts");
    const where = flags.brokers.map(showAddress).join(",");
    const records = tailTopic({
      ...kafkaSecurity(flags),
      brokers: flags.brokers,
      topic: flags.topic,
      fromBeginning: flags["from-beginning"],
      connectTimeoutMs: flags.timeout,
      clock,
      stop: stopSignal(),
      passedOver: (partition, { offset, why }) =>
        terminal.note(`Passed over: the batch of records at ${partition}@${offset} ${printable(why)}.`),
      ready: () => terminal.note(`Reading ${flags.topic} at ${where}; Ctrl-C ends it.`),
    });
    for await (const record of records) {
      await terminal.print(flags.json ? jsonLine(record) : textLine(record, terminal, clock.nowUs() / 1_000));
    }
  },
});

/** @throws CliError FAILED_PRECONDITION when the Kafka client does not run on this Node, as the rest of the command line does */
function checkNode(version: string): void {
  if (Number(version.split(".")[0]) >= 22) return;
  throw new CliError(
    "FAILED_PRECONDITION",
    `reading Kafka takes Node 22.22 or newer, this is ${version}: use a newer Node, or "presence watch", which needs no Kafka`,
  );
}

function jsonLine(record: TopicRecord): string {
  const { topic, partition, key, headers } = record;
  const place = { topic, partition, offset: Number(record.offset), key, headers };
  const content = contentOf(record);
  switch (content.kind) {
    case "update":
      return JSON.stringify({ ...place, ...envelopeJson(content.envelope, updateJson(content.update)) });
    case "reset":
      return JSON.stringify({ ...place, ...envelopeJson(content.envelope, resetJson(content.reset)) });
    case "other":
      return JSON.stringify({ ...place, ...envelopeJson(content.envelope) });
    case "unreadable":
      return JSON.stringify({ ...place, unreadable: content.why });
  }
}

function textLine(record: TopicRecord, terminal: Terminal, nowMs: number): string {
  const attributes = Object.entries(record.headers).map(([name, value]) => printable(`${name}=${value}`));
  const place = terminal.faint(`${record.partition}@${record.offset}  ${attributes.join(" ")}`);
  const content = contentOf(record);
  switch (content.kind) {
    case "update":
      return `${updateLine(content.update, terminal, nowMs)}  ${place}`;
    case "reset":
      return `${resetLine(content.reset, record.partition)}  ${place}`;
    case "other":
      return `${contract.eventTypeToJSON(content.envelope.eventType)}: not about presence  ${place}`;
    case "unreadable":
      return `not an EventEnvelope (${printable(content.why)})  ${place}`;
  }
}

function resetLine({ shard, begin }: presence.PresenceResetEvent, partition: number): string {
  return `shard ${shard} is restated in partition ${partition}: its users there below version ${begin} are offline`;
}
