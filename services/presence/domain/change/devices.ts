import type { Activity } from "../activity.ts";
import type { LeaseOfCall } from "../lease.ts";
import type { Moment } from "../moment.ts";
import type { Rules } from "../rules.ts";
import { type Device, type Ending, type Session, sessionIdOf, type Tombstone, type UserRecord } from "../session.ts";
import type { NewTransition, TransitionCause } from "../transition.ts";

export const noDevice: Device = { current: undefined, tombstones: [] };
export const noRecord: UserRecord = { version: 0, online: false, lastSeenMs: 0, devices: new Map() };

/** Makes the session the device's current one; the one that it replaces becomes a tombstone. */
export function setCurrent(
  record: UserRecord,
  deviceId: string,
  session: Session,
  leaseId: string | undefined,
  activity: Activity | undefined,
  moment: Moment,
  rules: Rules,
): { record: UserRecord; transition: NewTransition | undefined } {
  const device = record.devices.get(deviceId) ?? noDevice;
  const sessionId = sessionIdOf(session);
  const others = device.tombstones.filter((tombstone) => sessionIdOf(tombstone) !== sessionId);
  const tombstones =
    device.current === undefined || sessionIdOf(device.current.session) === sessionId
      ? others
      : addTombstone(
          others,
          device.current.session,
          device.current.state === "grace" ? "ended" : "replaced",
          moment,
          rules,
        );
  const after = withDevice(record, deviceId, {
    current: {
      state: "live",
      session,
      ...(leaseId !== undefined && { leaseId }),
      ...(activity !== undefined && { activity }),
    },
    tombstones,
  });
  return {
    record: { ...after, online: true },
    transition: record.online
      ? undefined
      : { online: true, cause: "CONNECTED", deviceId, instanceId: session.instanceId },
  };
}

/** Takes the device's current session away: it becomes a tombstone. */
export function clearCurrent(
  record: UserRecord,
  deviceId: string,
  session: Session,
  ending: Ending,
  cause: TransitionCause,
  moment: Moment,
  rules: Rules,
): { record: UserRecord; transition: NewTransition | undefined } {
  const tombstones = addTombstone(record.devices.get(deviceId)?.tombstones ?? [], session, ending, moment, rules);
  const after = withDevice(record, deviceId, { current: undefined, tombstones });
  if (isOnlineWithout(record, deviceId)) return { record: after, transition: undefined };
  return {
    record: { ...after, online: false },
    transition: { online: false, cause, deviceId, instanceId: session.instanceId },
  };
}

/** Whether another device has a session. */
export function isOnlineWithout(record: UserRecord, deviceId: string): boolean {
  for (const [other, { current }] of record.devices) if (other !== deviceId && current !== undefined) return true;
  return false;
}

/** The record with the device's session under this lease; without one it stays where it is. */
export function movedTo(
  lease: LeaseOfCall | undefined,
  record: UserRecord,
  deviceId: string,
  device: Device,
): UserRecord {
  if (lease === undefined || device.current === undefined || device.current.leaseId === lease.id) return record;
  return withDevice(record, deviceId, { ...device, current: { ...device.current, leaseId: lease.id } });
}

/** Drops devices that are only remembered, for longer than the memory, when a new one would be too many. */
export function makeRoom(record: UserRecord, deviceId: string, moment: Moment, rules: Rules): UserRecord | undefined {
  if (record.devices.size < rules.userMaxDevices || record.devices.has(deviceId)) return record;
  const devices = new Map(
    [...record.devices].filter(
      ([, { current, tombstones }]) =>
        current !== undefined || tombstones.some(({ endedAtMs }) => endedAtMs + rules.memoryMs > moment.clockMs),
    ),
  );
  return devices.size < rules.userMaxDevices ? { ...record, devices } : undefined;
}

export function withDevice(record: UserRecord, deviceId: string, device: Device): UserRecord {
  return { ...record, devices: new Map(record.devices).set(deviceId, device) };
}

/** Adds a tombstone in front. Drops those that are older than the memory or too many, never the new one. */
function addTombstone(
  tombstones: readonly Tombstone[],
  session: Session,
  ending: Ending,
  moment: Moment,
  rules: Rules,
): Tombstone[] {
  const recent = tombstones.filter((tombstone) => tombstone.endedAtMs + rules.memoryMs > moment.clockMs);
  const fresh: Tombstone = { ...session, ending, endedAtMs: moment.clockMs };
  return [fresh, ...recent].slice(0, rules.deviceMaxTombstones);
}
