import { parseSessionId } from "../../domain/session.ts";
import type { DeviceView, UserView } from "../store.ts";

/**
 * Reads a user's record, whose grammar stands in lua/record.lua.
 * @param nowMs wall clock: nobody is connected since later than now
 */
export function decodeUser(userId: string, shard: number, record: string, nowMs: number): UserView {
  const [header, ...lines] = record.split("\n") as [string, ...string[]];
  const [signed, seen] = header.split(" ");
  const version = Number(signed);
  const online = version > 0;
  const devices: DeviceView[] = [];
  for (const line of lines) {
    const device = decodeDevice(line, nowMs);
    if (device !== undefined) devices.push(device);
  }
  if (devices.length > 1) devices.sort(byDeviceId);
  return {
    userId,
    online,
    version: Math.abs(version),
    lastSeenMs: online ? 0 : Number(seen ?? 0),
    shard,
    devices,
  };
}

/** A user without record. */
export function strangerAt(userId: string, shard: number, version: number): UserView {
  return { userId, online: false, version, lastSeenMs: 0, shard, devices: [] };
}

/** @returns undefined unless it has a live session: that begins with its order, all others with a letter */
function decodeDevice(line: string, nowMs: number): DeviceView | undefined {
  const [deviceId, current] = line.split("\t", 2) as [string, string];
  const first = current.charCodeAt(0);
  if (first < 0x30 || first > 0x39) return undefined;
  const [sessionId, instanceId] = current.split("\x1f", 2) as [string, string];
  // The order is when the session was registered, in µs; it is 0 when that is not known.
  const order = parseSessionId(sessionId)?.order ?? 0;
  return { deviceId, instanceId, connectedAtMs: Math.min(Math.floor(order / 1000), nowMs) };
}

function byDeviceId(one: DeviceView, other: DeviceView): number {
  return one.deviceId < other.deviceId ? -1 : 1;
}
