import { ContractReader } from "@realchat/presence-client/testing";
import { fetchLoop } from "@realchat/presence-kafka/consumer";
import { pause } from "@realchat/presence-runtime/clock";
import type { SimulatedTopic } from "../kafka/simulated-topic.ts";
import type { Path } from "../network/path.ts";
import type { Reader } from "../promises/reader.ts";
import type { Machine } from "../time/machine.ts";

/**
 * Reads the topic from its beginning, by the contract, and knows nothing else. Never ends.
 * @returns version of what it knows of a user; 0: nothing
 */
export function readTopic(
  topic: SimulatedTopic,
  machine: Machine,
  path: Path,
  reader: Reader,
): (userId: string) => number {
  const onChange = ({ userId, online, version }: { userId: string; online: boolean; version: number }) =>
    reader.told(userId, online, version);
  const contract = new ContractReader({ partitions: topic.partitions, onChange });
  void read(topic, machine, path, reader, contract);
  return (userId) => contract.versionOf(userId);
}

async function read(
  topic: SimulatedTopic,
  machine: Machine,
  path: Path,
  reader: Reader,
  contract: ContractReader,
): Promise<void> {
  const { signal: never } = new AbortController();
  const positions = new Map(Array.from({ length: topic.partitions }, (_, partition) => [partition, 0n]));
  const source = topic.source(machine, path);
  reader.isSynced = true;
  for (;;) {
    try {
      const opened = await source.open(0, never);
      for await (const { partitions } of fetchLoop(opened, () => positions, never)) {
        for (const { partition, records, next } of partitions) {
          for (const { value } of records) contract.record(partition, value);
          positions.set(partition, next);
        }
      }
    } catch {
      await pause(machine, 500);
    }
  }
}
