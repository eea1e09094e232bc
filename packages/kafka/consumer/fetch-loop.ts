import type { BackoffLimits } from "@realchat/presence-runtime/backoff";
import type { FetchedRecords, TopicReader } from "./topic-source.ts";

/** Between a reader that failed and the next one. */
export const reconnectPace: BackoffLimits = { firstMs: 200, capMs: 4_000 };

export interface Fetched {
  readonly leader: number;
  readonly partitions: readonly FetchedRecords[];
}

/**
 * Fetches from every leader, one fetch at a time from each. Ends when `stop` aborts, or when the topic's leaders or
 * partitions have changed: then open a new reader.
 * @param positions by partition, asked before each fetch: set them to `next` of what was yielded before you go on
 */
export async function* fetchLoop(
  reader: Pick<TopicReader, "leaders" | "fetch" | "isOutdated">,
  positions: () => ReadonlyMap<number, bigint>,
  stop: AbortSignal,
): AsyncGenerator<Fetched> {
  const pending = new Map<number, Promise<Fetched>>();
  while (!stop.aborted) {
    for (const leader of reader.leaders) {
      if (pending.has(leader)) continue;
      const fetching = reader.fetch(leader, positions()).then((partitions) => ({ leader, partitions }));
      // When another one fails first, nobody waits for this one any more.
      fetching.catch(() => {});
      pending.set(leader, fetching);
    }
    const fetched = await Promise.race(pending.values());
    pending.delete(fetched.leader);
    yield fetched;
    if (stop.aborted || (await reader.isOutdated())) return;
  }
}
