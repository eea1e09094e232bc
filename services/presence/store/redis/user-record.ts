import { parseSessionId } from "../../domain/session.ts";
import type { DeviceView, UserView } from "../store.ts";

/**
 * Reads a user's record, whose grammar stands in lua/record.lua.
 * @param fields of the HASH, each followed by its value; empty for a user without record
 * @param knownVersion what a user without record is offline at
 * @param nowMs wall clock: nobody is connected since later than now
 */
export function decodeUser(
  userId: string,
  shard: number,
  fields: readonly string[],
  knownVersion: number,
  nowMs: number,
): UserView {
  let online = false;
  let version = knownVersion;
  let lastSeenMs = 0;
  const devices: DeviceView[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const field = fields[index] as string;
    const value = fields[index + 1] as string;
    if (field !== "") {
      if (isLive(value)) devices.push(decodeLive(field, value, nowMs));
      continue;
    }
    const space = value.indexOf(" ");
    const signed = Number(space === -1 ? value : value.slice(0, space));
    online = signed > 0;
    version = Math.abs(signed);
    lastSeenMs = online || space === -1 ? 0 : Number(value.slice(space + 1));
  }
  if (devices.length > 1) devices.sort(byDeviceId);
  return { userId, online, version, lastSeenMs, shard, devices };
}

/** A live session begins with its order; a grace or a tombstone begins with a letter. */
function isLive(value: string): boolean {
  const first = value.charCodeAt(0);
  return first >= 0x30 && first <= 0x39;
}

/** The order of a session is when it was registered, in µs; it is 0 when that is not known. */
function decodeLive(deviceId: string, value: string, nowMs: number): DeviceView {
  const idEnd = value.indexOf("\t");
  const instanceEnd = value.slice(idEnd + 1).search(/[\t\n]/);
  const order = parseSessionId(value.slice(0, idEnd))?.order ?? 0;
  return {
    deviceId,
    instanceId: instanceEnd === -1 ? value.slice(idEnd + 1) : value.slice(idEnd + 1, idEnd + 1 + instanceEnd),
    connectedAtMs: Math.min(Math.floor(order / 1000), nowMs),
  };
}

function byDeviceId(one: DeviceView, other: DeviceView): number {
  return one.deviceId < other.deviceId ? -1 : 1;
}
