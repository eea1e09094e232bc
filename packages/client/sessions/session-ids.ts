import type { Clock } from "@realchat/presence-runtime/clock";
import { faultOfId } from "@realchat/presence-runtime/ids";
import { PresenceClientError } from "../presence-client-error.ts";

/**
 * Refuses what presence would refuse: one such id would otherwise fail the heartbeats of all who are in its batch.
 * @throws PresenceClientError INVALID_ARGUMENT naming field and limit
 */
export function checkId(field: string, id: string): void {
  const fault = faultOfId(id);
  if (fault === undefined) return;
  throw new PresenceClientError("INVALID_ARGUMENT", `${field} ${fault.what}: ${fault.instead}`);
}

/** Names a device of a user, unambiguously: neither id can hold NUL. */
export function deviceKey({ userId, deviceId }: { readonly userId: string; readonly deviceId: string }): string {
  return `${userId}\0${deviceId}`;
}

/** 96 bits of chance in 16 characters, such as `Zp3kQ0x_m1A-c81J`: each session is kept with two or three copies. */
export function randomId(clock: Clock): string {
  const bytes = Buffer.alloc(12);
  for (const at of [0, 6]) bytes.writeUIntBE(Math.floor(clock.random() * 2 ** 48), at, 6);
  return bytes.toString("base64url");
}
