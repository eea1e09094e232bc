import { PresenceClientError } from "../presence-client-error.ts";

/** The contract's limit for a user, device, instance or connection id, bytes of UTF-8. */
const idMaxBytes = 128;

/**
 * Refuses what presence would refuse: one such id would otherwise fail the heartbeats of all who are in its batch.
 * @throws PresenceClientError INVALID_ARGUMENT naming field and limit
 */
export function checkId(field: string, id: string): void {
  const bytes = Buffer.byteLength(id);
  if (bytes === 0 || bytes > idMaxBytes) {
    throw invalid(`${field} has ${bytes} bytes: send 1 to ${idMaxBytes}, a short stable id such as a UUID`);
  }
  if (/\p{Cc}/u.test(id)) throw invalid(`${field} has control characters: send printable text`);
  if (!id.isWellFormed()) throw invalid(`${field} is not valid Unicode: it has a lone surrogate`);
}

/** Names a device of a user, unambiguously: neither id can hold NUL. */
export function deviceKey({ userId, deviceId }: { readonly userId: string; readonly deviceId: string }): string {
  return `${userId}\0${deviceId}`;
}

function invalid(message: string): PresenceClientError {
  return new PresenceClientError("INVALID_ARGUMENT", message);
}
