import type { UserRecord } from "./session.ts";

/**
 * Whether a device came or went of a user whom another one keeps online: a change that is no transition. A device in
 * grace counts as gone, as it is not listed; but it keeps its user online.
 */
export function isDeviceChange(before: UserRecord | undefined, after: UserRecord, deviceId: string): boolean {
  if (isLive(before, deviceId) === isLive(after, deviceId)) return false;
  for (const [other, { current }] of after.devices) if (other !== deviceId && current !== undefined) return true;
  return false;
}

function isLive(record: UserRecord | undefined, deviceId: string): boolean {
  return record?.devices.get(deviceId)?.current?.state === "live";
}
