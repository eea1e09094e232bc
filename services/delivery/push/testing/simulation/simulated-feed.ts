import type { PresenceUpdate } from "../../../feed/feed.ts";
import type { PresencePush } from "../../presence-push.ts";
import { people } from "./events.ts";

export const partitions = [0, 1];

/** What a partition has, in order. */
type Entry =
  | { readonly kind: "update"; readonly update: PresenceUpdate }
  | { readonly kind: "reset"; readonly begin: number };

/** The place of a gateway in the feed. */
export interface FeedReader {
  push: Pick<PresencePush, "update" | "reset">;
  /** By partition: how far it has read, and the floors that it read. */
  read: number[];
  floors: Map<number, number>;
}

/** What presence tells, by partition. All gateways read at once; a partition may lag for all of them. */
export class SimulatedFeed {
  readonly #readers: () => readonly FeedReader[];
  readonly #logs = partitions.map((): Entry[] => []);
  readonly #lagging = new Set<number>();
  readonly #late: PresenceUpdate[] = [];

  constructor(readers: () => readonly FeedReader[]) {
    this.#readers = readers;
  }

  /** Where a reader begins that wants only news. */
  ends(): number[] {
    return this.#logs.map(({ length }) => length);
  }

  publish(update: PresenceUpdate): void {
    this.#append(partitionOf(update.userId), { kind: "update", update });
  }

  /** A publisher that stands still read it before. */
  publishLate(update: PresenceUpdate): void {
    this.#late.push(update);
  }

  reset(begin: number): void {
    for (const partition of partitions) this.#append(partition, { kind: "reset", begin });
  }

  lag(partition: number): void {
    this.#lagging.add(partition);
  }

  /** A publisher that stood still goes on, too, and writes what it had read before. */
  readOn(partition: number): void {
    this.#lagging.delete(partition);
    this.#read(partition);
    const late = this.#late.filter(({ userId }) => partitionOf(userId) === partition);
    for (const update of late) {
      this.#late.splice(this.#late.indexOf(update), 1);
      this.publish(update);
    }
  }

  #append(partition: number, entry: Entry): void {
    this.#logs[partition]?.push(entry);
    if (!this.#lagging.has(partition)) this.#read(partition);
  }

  /** As the feed does: it keeps floors, and leaves out what is below. */
  #read(partition: number): void {
    const log = this.#logs[partition] ?? [];
    for (const reader of this.#readers()) {
      const from = reader.read[partition] ?? 0;
      reader.read[partition] = log.length;
      for (const entry of log.slice(from)) {
        if (entry.kind === "update") {
          if (entry.update.version >= floorOf(reader, partition)) reader.push.update(entry.update, partition);
        } else {
          reader.floors.set(partition, entry.begin);
          reader.push.reset(0);
        }
      }
    }
  }
}

/** @param partition undefined: the lowest of all */
export function floorOf({ floors }: FeedReader, partition: number | undefined): number {
  if (partition !== undefined) return floors.get(partition) ?? 0;
  return Math.min(...partitions.map((each) => floors.get(each) ?? 0));
}

function partitionOf(user: string): number {
  return people.indexOf(user) % partitions.length;
}
