import type { HiddenState } from "./policy-directory.ts";

/** Of a user whose hidden state cannot be read: offline, and nothing more. */
export const unreadableState: HiddenState = Object.freeze({
  ...{ sinceMs: 0, lastSeenMs: 0, deviceId: "", forgetMs: 0, shard: 0, version: 0 },
});
