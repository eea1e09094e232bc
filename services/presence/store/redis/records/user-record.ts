import type { Activity } from "../../../domain/activity.ts";
import { attentionWith, withoutAttention } from "../../../domain/attention.ts";
import { parseSessionId, registeredAtMs } from "../../../domain/session.ts";
import {
  availabilities,
  isToldApart,
  plainStatus,
  type Said,
  type StatusClaim,
  statusOf,
  type UserStatus,
} from "../../../domain/status.ts";
import type { DeviceView, SessionView, UserView } from "../../store.ts";

/** Captures minus, version, last_seen_ms, and the status part. */
const header = /^(-?)(\d{1,16})(?: (\d{1,16}))?(\D.*)?$/;
/** RS: in front of a status part, and of each of its claims. */
const rs = "\x1e";
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
  /** For how long a user's last seen is kept, ms. */
  readonly retentionMs: number;
}

/**
 * Reads what a view needs of a user's record, whose grammar stands in lua/record/record.lua.
 * @returns undefined when it makes no sense
 */
export function decodeUser(userId: string, shard: number, record: string, by: ReadBy): UserView | undefined {
  const [first, ...lines] = record.split("\n") as [string, ...string[]];
  const match = header.exec(first);
  if (match === null) return undefined;
  const [, minus, version, lastSeenText = "0", part] = match;
  if (part !== undefined && part[0] !== rs) return undefined;
  const online = minus === "";
  const devices: DeviceView[] = [];
  const said = part === undefined || part === rs ? nothingSaid : decodeSaid(part.slice(1));
  if (said === undefined) return undefined;
  let attention = said.availability === "DO_NOT_DISTURB" ? withoutAttention(true) : undefined;
  let [hasSession, isUsed, idleSinceMs] = [false, false, 0];
  for (const line of lines) {
    const device = decodeDevice(line, by);
    if (device === undefined) return undefined;
    if (device === "gone") continue;
    hasSession = true;
    if (device === "in grace" || !("activity" in device)) {
      isUsed = true;
      if (device !== "in grace") devices.push(device);
      continue;
    }
    const { view, activity } = device;
    if (view !== undefined) devices.push(view);
    attention = attentionWith(attention, activity, view !== undefined);
    if (activity.idleSinceMs === 0) isUsed = true;
    else idleSinceMs = Math.max(idleSinceMs, activity.idleSinceMs);
  }
  // A user is online exactly when some device has a session.
  if (online !== hasSession || !Number.isSafeInteger(Number(version))) return undefined;
  if (devices.length > 1) devices.sort(byDeviceId);
  const lastSeenMs = Number(lastSeenText);
  const isRemembered = !online && lastSeenMs + by.retentionMs > by.nowMs;
  const view = { userId, online, version: Number(version), lastSeenMs: isRemembered ? lastSeenMs : 0, shard, devices };
  const status = part === undefined ? undefined : shown(online, statusOf(online, isUsed ? 0 : idleSinceMs, said));
  return status === undefined && attention === undefined ? view : { ...view, status, attention };
}

/**
 * Reads the claims of a user's record.
 * @returns by claim_id; undefined when it makes no sense
 */
export function decodeClaims(record: string): StatusClaim[] | undefined {
  const match = header.exec(record.split("\n", 1)[0] as string);
  if (match === null) return undefined;
  const claims: StatusClaim[] = [];
  for (const entry of match[4]?.split(rs).slice(2) ?? []) {
    const [name = "", digit = "", text = "", emoji = "", endsMs, setMs] = entry.split("\x1f");
    const availability = availabilities[Number(digit)];
    if (availability === undefined || setMs === undefined) return undefined;
    if (!name.startsWith("c")) continue;
    claims.push({
      claimId: name.slice(1),
      ...{ availability, text, emoji, expiresAtMs: Number(endsMs), setAtMs: Number(setMs) },
    });
  }
  return claims.sort((a, b) => (a.claimId < b.claimId ? -1 : 1));
}

/**
 * Reads a status as the log has it, and the answers of scripts: availability, text, emoji, until and since when idle, US in
 * front of each.
 * @returns "plain" for nothing; undefined for what they never wrote
 */
export function decodeStatus(text: string): UserStatus | "plain" | undefined {
  if (text === "") return "plain";
  const fields = text.split("\x1f");
  const said = decodeSaid(fields.slice(1).join("\x1f"));
  const idleSinceMs = Number(fields[5]);
  if (fields[0] !== "" || fields.length !== statusFields || said === undefined || !isMs(idleSinceMs)) return undefined;
  return { ...said, idleSinceMs };
}

/** With the empty one in front of the first US. */
const statusFields = 6;

/** What a status part, or a status, begins with. */
function decodeSaid(book: string): Said | undefined {
  const [digit = "", text, emoji, until] = book.split(rs, 1)[0]?.split("\x1f") ?? [];
  const availability = availabilities[Number(digit)];
  const untilMs = Number(until);
  if (digit === "" || availability === undefined || text === undefined || emoji === undefined || !isMs(untilMs)) {
    return undefined;
  }
  return { availability, text, emoji, untilMs };
}

const nothingSaid: Said = { availability: "UNSPECIFIED", text: "", emoji: "", untilMs: 0 };

function shown(online: boolean, status: UserStatus): UserStatus | undefined {
  return status.idleSinceMs === 0 && !isToldApart(status, plainStatus(online)) ? undefined : status;
}

function isMs(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0;
}

/**
 * Reads the live sessions of a user's record.
 * @returns by device_id; undefined when it makes no sense
 */
export function decodeSessions(
  userId: string,
  record: string,
  by: Omit<ReadBy, "hiddenLeases" | "retentionMs">,
): SessionView[] | undefined {
  if (decodeUser(userId, 0, record, { ...by, hiddenLeases: new Set(), retentionMs: 0 }) === undefined) return undefined;
  const sessions: SessionView[] = [];
  for (const line of record.split("\n").slice(1)) {
    const [deviceId = "", first = ""] = line.split("\t", 2);
    if (!isDigit(first.charCodeAt(0))) continue;
    const [sessionId = "", instanceId = "", , leaseId] = first.split("\x1f", 4);
    const connectedAtMs = Math.min(registeredAtMs(parseSessionId(sessionId)?.order ?? 0, by.aheadUs), by.nowMs);
    sessions.push({ userId, deviceId, sessionId, instanceId, leaseId: leaseId || undefined, connectedAtMs });
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

/** A device whose current session said whether it is used. */
interface SpokenDevice {
  /** undefined: it is as one in grace. */
  readonly view: DeviceView | undefined;
  readonly activity: Activity;
}

/** @returns the device if it has a live session, or one that said something; undefined when the line makes no sense */
function decodeDevice(
  line: string,
  { nowMs, aheadUs, hiddenLeases }: ReadBy,
): DeviceView | "in grace" | SpokenDevice | "gone" | undefined {
  const [deviceId = "", first = ""] = line.split("\t", 2);
  if (deviceId === "") return undefined;
  const isLive = isDigit(first.charCodeAt(0));
  if (!isLive) {
    if (!isDigit(first.charCodeAt(1))) return undefined;
    if (first[0] !== "g") return endings.has(first[0]) ? "gone" : undefined;
  }
  const [sessionId = "", instanceId = "", , leaseId, said] = first.split("\x1f", 5);
  const order = parseSessionId(sessionId)?.order;
  if (isLive && (order === undefined || instanceId === "")) return undefined;
  const isListed = isLive && (leaseId === undefined || !hiddenLeases.has(leaseId));
  const connectedAtMs = Math.min(registeredAtMs(order ?? 0, aheadUs), nowMs);
  const view = isListed ? { deviceId, instanceId, connectedAtMs } : undefined;
  return said === undefined ? (view ?? "in grace") : { view, activity: decodeActivity(said) };
}

function decodeActivity(said: string): Activity {
  const [sequence, idleSinceMs] = said.split(" ", 2);
  return { sequence: Number(sequence), idleSinceMs: Number(idleSinceMs) };
}

/** Marks of a device's first session that is none any more. */
const endings: ReadonlySet<string | undefined> = new Set(["e", "r", "x"]);

function isDigit(code: number): boolean {
  return code >= zero && code <= nine;
}

function byDeviceId(one: { readonly deviceId: string }, other: { readonly deviceId: string }): number {
  return one.deviceId < other.deviceId ? -1 : 1;
}
