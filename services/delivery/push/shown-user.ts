import { isToldApart, type UserStatus } from "@realchat/presence-client";

/** What a viewer is shown of a user; frames are built of this alone. Immutable: the same object is the same view. */
export interface ShownUser {
  readonly userId: string;
  readonly online: boolean;
  /** Wall clock, ms; 0: online, not known, or not shown. */
  readonly lastSeenMs: number;
  /** The contract's TransitionCause; 0: not known, or not shown. */
  readonly cause: number;
  /** The device that made the difference; empty: not known, or not shown. */
  readonly deviceId: string;
  /** When the user last came or went, which is what `cause` and `deviceId` are of, µs since 1970; 0: as above. */
  readonly atUs: number;
  /** Devices with a live session; undefined: not known, or not shown. */
  readonly devices: readonly string[] | undefined;
  readonly status: UserStatus;
}

export const noTransition = { cause: 0, deviceId: "", atUs: 0 } as const;

/** Whether the two states look different to a viewer to whom the same is shown. */
export function differ(before: ShownUser, after: ShownUser): boolean {
  if (before.online !== after.online || isToldApart(before.status, after.status)) return true;
  return !after.online && after.lastSeenMs !== 0 && before.lastSeenMs !== after.lastSeenMs;
}

/** What a viewer is to be told: the state, the devices alone, or nothing. */
export function changeOf(
  before: ShownUser | undefined,
  after: ShownUser | undefined,
  differs: typeof differ,
): "state" | "devices" | "none" {
  if (after === undefined) return "none";
  if (before === undefined || differs(before, after)) return "state";
  return differInDevices(before, after) ? "devices" : "none";
}

/** Whether the devices changed, or became known. */
function differInDevices(before: ShownUser, after: ShownUser): boolean {
  if (after.devices === undefined || after.devices === before.devices) return false;
  return before.devices?.join(separator) !== after.devices.join(separator);
}

/** Whether anything differs: of a viewer to whom more is shown, or less, than before. */
export function differAtAll(before: ShownUser, after: ShownUser): boolean {
  if (before === after) return false;
  const [one, other] = [before.devices?.join(separator), after.devices?.join(separator)];
  return (
    differ(before, after) ||
    one !== other ||
    before.lastSeenMs !== after.lastSeenMs ||
    before.cause !== after.cause ||
    before.deviceId !== after.deviceId ||
    before.atUs !== after.atUs ||
    before.status.idleSinceMs !== after.status.idleSinceMs
  );
}

/** Ids contain no control characters. */
const separator = "\0";
