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
