import type { HiddenState } from "./policy-directory.ts";

/**
 * What is left of a hidden state, as presence forgets users that stay away.
 * @param begin version at which the user's shard began anew; 0: never
 */
export function remembered(state: HiddenState, nowMs: number, begin: number): HiddenState {
  const { status: _, ...rest } = state;
  if (state.version < begin) return { ...rest, lastSeenMs: 0, deviceId: "" };
  const isForgotten = state.forgetMs > 0 && state.forgetMs <= nowMs;
  return isForgotten ? { ...state, lastSeenMs: 0, deviceId: "" } : state;
}

/** Of a user whose hidden state cannot be read: offline, and nothing more. */
export const unreadableState: HiddenState = Object.freeze({
  ...{ sinceMs: 0, lastSeenMs: 0, deviceId: "", forgetMs: 0, shard: 0, version: 0 },
});
