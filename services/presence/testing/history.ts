import assert from "node:assert/strict";
import type { CollectedEvent } from "./event-collector.ts";

/**
 * What a consumer that goes by the versions makes of a user's events: the history without its repetitions.
 * @throws AssertionError unless each version comes first in its order, says the same when it is repeated, and online and
 *   offline take turns (P3, P4)
 */
export function historyOf(events: readonly CollectedEvent[]): CollectedEvent[] {
  const history: CollectedEvent[] = [];
  for (const event of events) {
    const last = history.at(-1);
    if (last !== undefined && event.version <= last.version) {
      const first = history.find(({ version }) => version === event.version);
      assert(first !== undefined, `P4: ${event.userId}: version ${event.version} comes only after ${last.version}`);
      assert.deepEqual(event.envelope, first.envelope, "a repetition says the same");
      continue;
    }
    const expected = last === undefined ? true : !last.online;
    assert.equal(
      event.online,
      expected,
      `P4: ${event.userId}: a transition before version ${event.version} is missing`,
    );
    history.push(event);
  }
  return history;
}
