import type { Transition } from "./transition.ts";

/** A transition for tests: what a test does not care about is filled in. */
export function sampleTransition(version: number, overrides: Partial<Transition> = {}): Transition {
  return {
    userId: "alice",
    online: true,
    version,
    cause: "CONNECTED",
    deviceId: "phone",
    instanceId: "gateway-1",
    lastSeenMs: 0,
    shard: 0,
    ...overrides,
  };
}
