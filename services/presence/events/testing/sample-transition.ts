import type { CompleteMark } from "../../domain/log-entry.ts";
import type { Transition } from "../../domain/transition.ts";

/** A transition for tests that care only about some of its fields. */
export function sampleTransition(fields: Partial<Transition> = {}): Transition {
  return {
    userId: "alice",
    online: true,
    version: 1_790_000_000_123_456,
    cause: "CONNECTED",
    deviceId: "phone",
    instanceId: "gateway-7",
    lastSeenMs: 0,
    shard: 11,
    ...fields,
  };
}

/** That shard's reset, a moment later. */
export function sampleReset(fields: Partial<CompleteMark> = {}): CompleteMark {
  const { shard, version } = sampleTransition();
  return { mark: "complete", shard, version: version + 1, begin: 1_789_999_999_000_000, ...fields };
}
