import { isMark, type LogEntry, type ShardMark } from "../../../domain/log-entry.ts";
import { type Transition, transitionCauses } from "../../../domain/transition.ts";
import { decodeStatus } from "../records/user-record.ts";

/** A cause as the log holds it: its number. */
const causeDigits = /^[1-9]\d{0,2}$/;

/** The fields of a transition, and of a mark, whose user is empty. */
const transitionFields = 6;
const markFields = 3;

/**
 * Reads what `append` in lua/log/append.lua wrote: user, online, cause, device, instance, last seen, joined by NUL; or
 * of a mark an empty user, its kind and the shard's begin. Behind last seen is the status, unless it is the plain one.
 * @param version from the id of the entry
 * @returns undefined for what it never wrote
 */
export function decodeEntry(packed: string, version: number, shard: number): LogEntry | undefined {
  return decodeFields(packed.split("\0"), version, shard);
}

function decodeFields(fields: readonly string[], version: number, shard: number): LogEntry | undefined {
  return fields[0] === "" ? decodeMark(fields, version, shard) : decodeTransition(fields, version, shard);
}

function decodeMark(fields: readonly string[], version: number, shard: number): ShardMark | undefined {
  const [, mark, digits] = fields;
  const begin = Number(digits);
  if (fields.length !== markFields || !digits || !isWhole(begin) || !isWhole(version)) return undefined;
  if (mark === "begin" && begin === version) return { mark, shard, version };
  return mark === "complete" ? { mark, shard, version, begin } : undefined;
}

function decodeTransition(fields: readonly string[], version: number, shard: number): Transition | undefined {
  const [userId, online, cause, deviceId = "", instanceId = "", last = ""] = fields;
  const digits = last.split("\x1f", 1)[0] as string;
  const [lastSeenMs, status] = [Number(digits), decodeStatus(last.slice(digits.length))];
  if (!userId || digits === "" || status === undefined || !causeDigits.test(cause ?? "")) return undefined;
  if (!isWhole(lastSeenMs) || !isWhole(version)) return undefined;
  // While nodes are updated, one writes what another does not know yet: the change counts, whatever its cause.
  const known = transitionCauses[Number(cause)] ?? "UNSPECIFIED";
  const isOfStatus = known === "STATUS" || known === "RESTATED";
  if (!isOfStatus && (deviceId === "" || instanceId === "")) return undefined;
  return {
    ...{ userId, online: online === "1", version, cause: known, deviceId, instanceId, lastSeenMs, shard },
    ...(status !== "plain" && { status }),
  };
}

function isWhole(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0;
}

/**
 * Reads an announcement on the live channel: versions and their entries in turn, joined by NUL as these are.
 * @returns undefined for what no script announced
 */
export function decodeAnnouncement(message: string, shard: number): LogEntry[] | undefined {
  const fields = message.split("\0");
  const entries: LogEntry[] = [];
  for (let start = 0; start < fields.length; ) {
    const end = start + 1 + (fields[start + 1] === "" ? markFields : transitionFields);
    const entry = decodeFields(fields.slice(start + 1, end), Number(fields[start]), shard);
    if (entry === undefined) return undefined;
    entries.push(entry);
    start = end;
  }
  return entries;
}

/** Reads a message on the channel for traces: versions and traceparents in turn. @returns traceparents by version */
export function decodeTraces(message: string): ReadonlyMap<number, string> {
  const fields = message.split("\0");
  const traces = new Map<number, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) traces.set(Number(fields[at]), fields[at + 1] as string);
  return traces;
}

/** The entry with its trace. */
export function traced<Entry extends LogEntry | undefined>(entry: Entry, traceparent: string | undefined): Entry {
  if (entry === undefined || traceparent === undefined || isMark(entry)) return entry;
  return { ...entry, traceparent };
}
