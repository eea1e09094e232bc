import { type Availability, availabilities } from "@realchat/presence-client";
import { wrongWithId } from "@realchat/presence-runtime";
import type { IdFault } from "@realchat/presence-runtime/ids";
import { faultOfEmoji, faultOfStatusText } from "@realchat/presence-runtime/status-text";
import type { PrivacyMessage, SelfMessage, StatusMessage } from "../self/self.ts";

/** A message from a client. */
type ClientMessage =
  | { readonly kind: "subscribe" | "unsubscribe"; readonly userIds: readonly string[] }
  | { readonly kind: "logout" }
  /** The client's heartbeat: pages cannot see WebSocket pings. */
  | { readonly kind: "ping" }
  | SaidOfOneself
  /** Of another version of the protocol, or the resume request of older clients. */
  | { readonly kind: "unknown" }
  | { readonly kind: "not_json" }
  /** @property why at most 100 bytes */
  | { readonly kind: "wrong"; readonly why: string };

/** What a user says of itself: it is answered, also when it is refused. */
type SaidOfOneself =
  /** Whether somebody uses the device; `ageMs`: since when nobody does. */
  | { readonly kind: "activity"; readonly isIdle: boolean; readonly ageMs: number }
  | StatusMessage
  | PrivacyMessage
  | { readonly kind: "refused"; readonly what: SelfMessage; readonly why: string };

/** The age of a claim, or of idleness, at most: 30 days. */
const ageMaxMs = 30 * 86_400_000;

export function readClientMessage(text: string): ClientMessage {
  const message = parse(text);
  if (message === undefined) return { kind: "not_json" };
  switch (message.type) {
    case "logout":
    case "ping":
      return { kind: message.type };
    case "subscribe":
    case "unsubscribe":
      return readUsers(message.type, message.users);
    case "activity":
    case "status":
      return readOfOneself(message.type, message);
    case "privacy":
      return { kind: "privacy", content: message };
    default:
      return { kind: "unknown" };
  }
}

type Members = Readonly<Record<string, unknown>>;

/** @returns undefined unless it is a JSON object */
function parse(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Members) : undefined;
  } catch {
    return undefined;
  }
}

function readUsers(kind: "subscribe" | "unsubscribe", users: unknown): ClientMessage {
  if (!Array.isArray(users)) return { kind: "wrong", why: "users is not a list of ids" };
  for (const [index, userId] of users.entries()) {
    const wrong = wrongWithId(userId);
    if (wrong !== undefined) return { kind: "wrong", why: `users[${index}] ${wrong}` };
  }
  return { kind, userIds: users as string[] };
}

function readOfOneself(kind: "activity" | "status", message: Members): SaidOfOneself {
  const { age, idle } = message;
  const ageMs = typeof age === "number" && age >= 0 && age <= ageMaxMs ? age : undefined;
  if (age !== ageMs) return { kind: "refused", what: kind, why: "age is no time of at most 30 days, in ms" };
  if (kind === "status") return readStatus(message, ageMs);
  if (typeof idle !== "boolean") return { kind: "refused", what: kind, why: "idle is neither true nor false" };
  return { kind, isIdle: idle, ageMs: ageMs ?? 0 };
}

function readStatus(message: Members, ageMs: number | undefined): SaidOfOneself {
  if (message.clear === true) return { kind: "status", claim: undefined, ageMs };
  const availability = availabilities.find((one) => wordOf(one) === message.availability);
  const text = textOf(message.text);
  const emoji = textOf(message.emoji);
  const untilMs = typeof message.until === "number" && message.until > 0 ? message.until : undefined;
  const refused = (why: string) => ({ kind: "refused", what: "status", why }) as const;
  if (message.availability !== undefined && availability === undefined) {
    return refused(`availability is none of ${availabilities.map(wordOf).join(", ")}`);
  }
  const fault = faultIn("text", message.text, faultOfStatusText) ?? faultIn("emoji", message.emoji, faultOfEmoji);
  if (fault !== undefined) return refused(fault);
  if (message.until !== untilMs) return refused("until is no time, in ms since 1970");
  if (availability === undefined && text === "" && emoji === "") {
    return refused("it says nothing: send an availability, a text or an emoji, or clear");
  }
  return { kind: "status", claim: { availability, text, emoji, untilMs }, ageMs };
}

function textOf(member: unknown): string {
  return typeof member === "string" ? member : "";
}

/** Why a member is not such a text; it may be absent. */
function faultIn(name: string, member: unknown, faultOf: (text: string) => IdFault | undefined): string | undefined {
  if (member === undefined) return undefined;
  if (typeof member !== "string") return `${name} is not a text`;
  const fault = faultOf(member);
  return fault && `${name} ${fault.what}: ${fault.instead}`;
}

/** As the protocol writes it. */
function wordOf(availability: Availability): string {
  return availability.replaceAll("-", "_");
}
