import assert from "node:assert/strict";
import { waitUntil } from "@realchat/presence-testing";
import type { PublishedEntry } from "../../../domain/log-entry.ts";
import type { Transition } from "../../../domain/transition.ts";
import type { EventPublisher } from "../../publisher.ts";
import { sampleTransition } from "../../testing/sample-transition.ts";
import type { ReceivedRecord } from "./topic-reader.ts";

/** Transitions of users in turn; versions count up from `first`, 1 by default. */
export function manyTransitions(count: number, users: number, first = 1): Transition[] {
  return Array.from({ length: count }, (_, index) =>
    sampleTransition({ userId: `user-${index % users}`, version: first + index }),
  );
}

/** Publishes as the service does: the same again until it is accepted. @returns how often it was rejected */
export async function publishUntilAccepted(
  publisher: EventPublisher,
  transitions: readonly PublishedEntry[],
  deadlineMs = 30_000,
): Promise<number> {
  let attempts = 0;
  const attempt = async () => {
    attempts++;
    await publisher.publish(transitions);
    return true;
  };
  await waitUntil(attempt, { what: "the publish is accepted", deadlineMs });
  return attempts - 1;
}

/**
 * What a consumer who goes by the version makes of the records: versions 1 to `count`, none missing, and for each user
 * in order. @returns how many records were repetitions
 */
export function assertCompleteAndOrdered(records: readonly ReceivedRecord[], count: number): number {
  const highest = new Map<string, number>();
  const applied = new Set<number>();
  const seen = new Set<number>();
  for (const { key, update } of records) {
    assert(key !== undefined, "a reset among transitions");
    seen.add(update.version);
    if (update.version <= (highest.get(key) ?? 0)) continue;
    highest.set(key, update.version);
    applied.add(update.version);
  }
  assert.equal(seen.size, count, "a transition is missing");
  assert.equal(applied.size, count, "a transition came only after a newer one of its user");
  return records.length - count;
}
