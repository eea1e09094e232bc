import type { UserRecord } from "./session.ts";
import type { NewTransition } from "./transition.ts";

/**
 * What to say of a user so that consumers know who is online since the shard began anew: nothing of who is offline, or
 * has a version of since then. Any current session stands for the others; a live one, if there is one.
 */
export function decideRestate(record: UserRecord, begin: number): NewTransition | undefined {
  if (!record.online || record.version >= begin) return undefined;
  const current = [...record.devices].flatMap(([deviceId, { current }]) => (current ? [{ deviceId, ...current }] : []));
  const named = current.find(({ state }) => state === "live") ?? current[0];
  if (named === undefined) return undefined;
  return { online: true, cause: "RESTATED", deviceId: named.deviceId, instanceId: named.session.instanceId };
}
