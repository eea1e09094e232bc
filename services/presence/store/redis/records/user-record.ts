import { parseSessionId, registeredAtMs } from "../../../domain/session.ts";
import type { DeviceView, SessionView, UserView } from "../../store.ts";

/** Captures minus, version, last_seen_ms. */
const header = /^(-?)(\d{1,16})(?: (\d{1,16}))?$/;
const zero = 0x30;
const nine = 0x39;

/** What a record is read by. */
interface ReadBy {
  /** Wall clock, ms: nobody is connected since later than now. */
  readonly nowMs: number;
  /** Of orders: see OrderClock. */
  readonly aheadUs: number;
  /** Leases whose devices are as those in grace. */
  readonly hiddenLeases: ReadonlySet<string>;
}

/**
 * Reads what a view needs of a user's record, whose grammar stands in lua/record/record.lua.
 * @returns undefined when it makes no sense
 */
export function decodeUser(userId: string, shard: number, record: string, by: ReadBy): UserView | undefined {
  const [first, ...lines] = record.split("\n") as [string, ...string[]];
  const match = header.exec(first);
  if (match === null) return undefined;
  const [, minus, version, lastSeenMs = "0"] = match;
  const online = minus === "";
  const devices: DeviceView[] = [];
  let hasSession = false;
  for (const line of lines) {
    const device = decodeDevice(line, by);
    if (device === undefined) return undefined;
    if (device !== "gone") hasSession = true;
    if (typeof device === "object") devices.push(device);
  }
  // A user is online exactly when some device has a session.
  if (online !== hasSession || !Number.isSafeInteger(Number(version))) return undefined;
  if (devices.length > 1) devices.sort(byDeviceId);
  return {
    userId,
    online,
    version: Number(version),
    lastSeenMs: online ? 0 : Number(lastSeenMs),
    shard,
    devices,
  };
}

/**
 * Reads the live sessions of a user's record.
 * @returns by device_id; undefined when it makes no sense
 */
export function decodeSessions(
  userId: string,
  record: string,
  by: Omit<ReadBy, "hiddenLeases">,
): SessionView[] | undefined {
  if (decodeUser(userId, 0, record, { ...by, hiddenLeases: new Set() }) === undefined) return undefined;
  const sessions: SessionView[] = [];
  for (const line of record.split("\n").slice(1)) {
    const [deviceId = "", first = ""] = line.split("\t", 2);
    if (!isDigit(first.charCodeAt(0))) continue;
    const [sessionId = "", instanceId = "", , leaseId] = first.split("\x1f", 4);
    const connectedAtMs = Math.min(registeredAtMs(parseSessionId(sessionId)?.order ?? 0, by.aheadUs), by.nowMs);
    sessions.push({ userId, deviceId, sessionId, instanceId, leaseId, connectedAtMs });
  }
  return sessions.sort(byDeviceId);
}

/** A user without record. */
export function userWithoutRecord(userId: string, shard: number, version: number): UserView {
  return { userId, online: false, version, lastSeenMs: 0, shard, devices: [] };
}

/** A user whose record cannot be read. */
export function unknownUser(userId: string, shard: number, unknown: Error): UserView {
  return { userId, unknown, online: false, version: 0, lastSeenMs: 0, shard, devices: [] };
}

/** @returns the device if it has a live session; undefined when the line makes no sense */
function decodeDevice(
  line: string,
  { nowMs, aheadUs, hiddenLeases }: ReadBy,
): DeviceView | "in grace" | "gone" | undefined {
  const [deviceId = "", first = ""] = line.split("\t", 2);
  if (deviceId === "") return undefined;
  if (!isDigit(first.charCodeAt(0))) return isDigit(first.charCodeAt(1)) ? marks.get(first[0]) : undefined;
  const [sessionId = "", instanceId = "", , leaseId] = first.split("\x1f", 4);
  const order = parseSessionId(sessionId)?.order;
  if (order === undefined || instanceId === "") return undefined;
  if (leaseId !== undefined && hiddenLeases.has(leaseId)) return "in grace";
  return { deviceId, instanceId, connectedAtMs: Math.min(registeredAtMs(order, aheadUs), nowMs) };
}

/** What a device is whose first session is not live, by the session's mark. */
const marks: ReadonlyMap<string | undefined, "in grace" | "gone"> = new Map([
  ["g", "in grace"],
  ["e", "gone"],
  ["r", "gone"],
  ["x", "gone"],
]);

function isDigit(code: number): boolean {
  return code >= zero && code <= nine;
}

function byDeviceId(one: { readonly deviceId: string }, other: { readonly deviceId: string }): number {
  return one.deviceId < other.deviceId ? -1 : 1;
}
