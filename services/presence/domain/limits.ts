import { PresenceError } from "./presence-error.ts";

export interface Limits {
  /** Bytes of UTF-8 of a user, device, instance or connection id. */
  readonly idMaxBytes: number;
  /** Sessions of one RefreshSessions call. */
  readonly batchMaxSessions: number;
  /** User ids of one GetPresence, BatchGetUserDevices or WatchPresence call. */
  readonly queryMaxUsers: number;
  /** Devices that one user's record holds. */
  readonly userMaxDevices: number;
}

export const defaultLimits: Limits = {
  idMaxBytes: 128,
  batchMaxSessions: 1_000,
  queryMaxUsers: 10_000,
  userMaxDevices: 100,
};

/** 7 days. */
const ageMaxMs = 604_800_000;

/** Digits of an order and its separator in front of a connection id; see session.ts. */
const sessionIdExtraBytes = 17;

/**
 * Accepts 1 to `idMaxBytes` bytes of UTF-8 without control characters (Unicode category Cc); all else is free, so ids
 * may hold `:`, spaces, emoji or `{}`. Keys and log entries rely on the absence of NUL.
 * @throws PresenceError INVALID_ARGUMENT, naming field and limit
 */
export function checkId(field: string, id: string, limits: Limits): void {
  if (id === "") throw invalid(`${field} is empty: send 1 to ${limits.idMaxBytes} bytes`);
  checkOptionalId(field, id, limits);
}

/** As `checkId`, but empty means absent. */
export function checkOptionalId(field: string, id: string, limits: Limits): void {
  checkText(field, id, limits.idMaxBytes);
}

/** A session_id, or empty where the caller has none. */
export function checkSessionId(field: string, id: string, limits: Limits): void {
  checkText(field, id, limits.idMaxBytes + sessionIdExtraBytes);
}

/** How long ago something was. @throws PresenceError INVALID_ARGUMENT unless it is 0 to 7 days */
export function checkAge(field: string, ageMs: number): void {
  if (ageMs >= 0 && ageMs <= ageMaxMs) return;
  throw invalid(`${field} is ${ageMs / 1_000} s: send 0 to ${ageMaxMs / 1_000} s, or leave it out`);
}

/** @throws PresenceError INVALID_ARGUMENT when `count` is above `limit` */
export function checkCount(field: string, count: number, limit: number): void {
  if (count > limit) throw invalid(`${field} has ${count} entries, limit ${limit}: split the call`);
}

function checkText(field: string, text: string, maxBytes: number): void {
  let ascii = true;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x20 || (unit >= 0x7f && unit <= 0x9f)) {
      const name = `U+${unit.toString(16).toUpperCase().padStart(4, "0")}`;
      throw invalid(`${field} has the control character ${name} at ${index}: send printable text`);
    }
    if (unit > 0x7f) ascii = false;
  }
  // A lone surrogate has no UTF-8: it would be stored as U+FFFD and collide with others.
  if (!ascii && !text.isWellFormed()) throw invalid(`${field} is not valid Unicode: it has a lone surrogate`);
  const bytes = ascii ? text.length : Buffer.byteLength(text);
  if (bytes > maxBytes) {
    throw invalid(`${field} has ${bytes} bytes, limit ${maxBytes}: send a short stable id, such as a UUID`);
  }
}

function invalid(message: string): PresenceError {
  return new PresenceError("INVALID_ARGUMENT", message);
}
