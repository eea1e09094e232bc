import { type Duration, durationMs, durationOf, presence, type Timestamp } from "@realchat/presence-proto";
import type { Refusal } from "../domain/block.ts";
import type { DisconnectReason } from "../domain/transition.ts";
import { userStatusOf } from "../events/codec.ts";
import type { DeviceView, UserView } from "../store/store.ts";

/** Domain values as the contract's messages, and back. */

const reasons: Readonly<Record<number, DisconnectReason>> = {
  [presence.DisconnectReason.DISCONNECT_REASON_LOGGED_OUT]: "LOGGED_OUT",
  [presence.DisconnectReason.DISCONNECT_REASON_CONNECTION_LOST]: "CONNECTION_LOST",
  [presence.DisconnectReason.DISCONNECT_REASON_SERVER_DRAIN]: "SERVER_DRAIN",
};

/** A reason of a newer contract than ours ends the session at once, as no reason does. */
export function reasonOf(reason: number): DisconnectReason {
  return reasons[reason] ?? "UNSPECIFIED";
}

/** A duration of a caller's, floored. */
export function msOf(duration: Duration): number {
  return Math.floor(durationMs(duration));
}

/** @returns undefined for 0, which stands for unknown */
export function timestampOf(ms: number): Timestamp | undefined {
  return ms === 0 ? undefined : durationOf(ms);
}

export function userPresenceOf(view: UserView): presence.UserPresence {
  return {
    userId: view.userId,
    online: view.online,
    deviceIds: view.devices.map(({ deviceId }) => deviceId),
    version: view.version,
    lastSeenAt: view.online ? undefined : timestampOf(view.lastSeenMs),
    shard: view.shard,
    status: view.status && userStatusOf(view.status),
    unknown: view.unknown !== undefined,
  };
}

export function closedOf({ reason, leftMs }: Refusal): presence.Closed {
  return { reason, blockedFor: leftMs === undefined ? undefined : durationOf(leftMs) };
}

export function userDevicesOf({ userId, devices, unknown }: UserView): presence.UserDevices {
  return { userId, devices: devices.map(deviceInfoOf), unknown: unknown !== undefined };
}

export function deviceInfoOf(device: DeviceView): presence.DeviceInfo {
  return {
    deviceId: device.deviceId,
    instanceId: device.instanceId,
    connectedAt: timestampOf(device.connectedAtMs),
  };
}
