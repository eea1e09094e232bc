import type { Readable } from "node:stream";
import { idMaxBytes } from "@realchat/presence-runtime";
import { everything, merge, policyPatch, storedPolicy } from "../../privacy/policy.ts";
import { AudienceError } from "../audience-error.ts";
import { type AudienceChange, beforeAllRecords } from "../directory.ts";
import { isId } from "../entity-id.ts";

/** Room for a conversation of 400,000 participants with ids of 36 bytes. */
const lineMaxBytes = 16 * 1024 * 1024;

interface ImportLine {
  /** From 1. */
  readonly number: number;
  readonly change: AudienceChange;
}

/**
 * Reads JSON lines: `{"conversation_id": "…", "participants": ["…"]}`, `{"user_id": "…", "contact_id": "…"}`,
 * `{"user_id": "…", "blocked": "…"}` or `{"user_id": "…", "privacy": {…}}`. Empty lines are skipped.
 * @throws AudienceError INVALID_IMPORT naming line and field
 */
export async function* importLines(file: Readable): AsyncGenerator<ImportLine> {
  let number = 0;
  for await (const line of linesOf(file)) {
    number += 1;
    if (line.trim() === "") continue;
    yield { number, change: changeOf(line, number) };
  }
}

/**
 * The line for a change, without the line feed.
 * @param change one that an import can hold: not, for one, the end of a contact
 */
export function importLineOf(change: AudienceChange): string {
  switch (change.kind) {
    case "conversation":
      return JSON.stringify({ conversation_id: change.conversationId, participants: change.participants });
    case "contact-added":
      return JSON.stringify({ user_id: change.userId, contact_id: change.contactId });
    case "blocked":
      return JSON.stringify({ user_id: change.userId, blocked: change.blockedId });
    case "policy":
      return JSON.stringify({ user_id: change.userId, privacy: JSON.parse(change.policy || "{}") });
    default:
      throw new TypeError(`${change.kind} is nothing to import`);
  }
}

async function* linesOf(file: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const parts: Buffer[] = [];
  let bytes = 0;
  let number = 0;
  const take = (): string => {
    number += 1;
    const line = Buffer.concat(parts);
    parts.length = bytes = 0;
    try {
      return decoder.decode(line);
    } catch (error) {
      throw invalid(number, "is not UTF-8: is it text, and unpacked?", error);
    }
  };
  for await (const chunk of file as AsyncIterable<Buffer | string>) {
    let rest = Buffer.from(chunk as Buffer);
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      parts.push(rest.subarray(0, end));
      yield take();
      rest = rest.subarray(end + 1);
    }
    parts.push(rest);
    bytes += rest.length;
    if (bytes > lineMaxBytes) throw invalid(number + 1, `has more than ${lineMaxBytes} bytes`);
  }
  if (bytes > 0) yield take();
}

function changeOf(line: string, number: number): AudienceChange {
  let content: unknown;
  try {
    content = JSON.parse(line);
  } catch (error) {
    throw invalid(number, `is no JSON: ${printable((error as Error).message)}`, error);
  }
  if (Array.isArray(content)) throw invalid(number, "is an array: write one object a line, without brackets around");
  if (typeof content !== "object" || content === null) throw invalid(number, "is no JSON object");
  const fields = content as Readonly<Record<string, unknown>>;
  const id = (field: string, value = fields[field]): string => {
    if (isId(value)) return value;
    throw invalid(number, `has a ${field} that is no id: give 1 to ${idMaxBytes} bytes without control characters`);
  };
  const at = beforeAllRecords;
  if ("conversation_id" in fields) {
    const { participants } = fields;
    if (!Array.isArray(participants)) throw invalid(number, "has no list of participants");
    return {
      kind: "conversation",
      at,
      conversationId: id("conversation_id"),
      participants: [...new Set(participants)].map((participant) => id("participant", participant)),
    };
  }
  const [kind, ...more] = ["contact_id", "blocked", "privacy"].filter((field) => field in fields);
  if (kind === undefined || more.length > 0) {
    throw invalid(number, "needs exactly one of conversation_id, contact_id, blocked and privacy");
  }
  const userId = id("user_id");
  if (kind === "contact_id") return { kind: "contact-added", at, userId, contactId: id(kind) };
  if (kind === "blocked") return { kind, at, userId, blockedId: id(kind) };
  return { kind: "policy", at, userId, policy: policyIn(fields[kind], number) };
}

function policyIn(content: unknown, number: number): string {
  try {
    return storedPolicy(merge(everything, policyPatch(content)));
  } catch (error) {
    throw invalid(number, `has a privacy that is none: ${(error as Error).message}`, error);
  }
}

/** Removes control characters: the text is for a terminal. */
function printable(message: string): string {
  return message.replace(/\p{Cc}/gu, "\u00b7");
}

function invalid(line: number, what: string, cause?: unknown): AudienceError {
  return new AudienceError("INVALID_IMPORT", `line ${line} ${what}`, { cause });
}
