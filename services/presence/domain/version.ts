import { invariant } from "./invariant.ts";

/**
 * Version of a shard's next transition; grows even if the Redis clock stepped back.
 * @param last version of the previous transition, 0 if none
 * @param nowUs Redis TIME, microseconds since 1970: one clock for all nodes
 * @throws InvariantError unless the result is an integer below 2^53 (reached in 2255)
 */
export function nextVersion(last: number, nowUs: number): number {
  const next = Math.max(last + 1, nowUs);
  invariant(Number.isSafeInteger(next), `version ${next} is not a safe integer`);
  return next;
}

/**
 * The stream entry id that stands for a version: `ms-seq`, with the microseconds below a millisecond as sequence.
 * Source: https://redis.io/docs/latest/develop/data-types/streams/#entry-ids
 */
export function streamIdOf(version: number): string {
  const remainder = version % 1000;
  return `${(version - remainder) / 1000}-${remainder}`;
}

/** Inverse of `streamIdOf`. */
export function versionOf(streamId: string): number {
  const dash = streamId.indexOf("-");
  const version = Number(streamId.slice(0, dash)) * 1000 + Number(streamId.slice(dash + 1));
  invariant(Number.isSafeInteger(version), `stream id ${streamId} is not a version`);
  return version;
}
