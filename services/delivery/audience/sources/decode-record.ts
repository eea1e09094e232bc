import type { TopicRecord } from "@realchat/presence-kafka/consumer";
import { conversation, events } from "@realchat/presence-proto";
import { idMaxBytes } from "@realchat/presence-runtime";
import { nothing, parsePolicy, storedPolicy } from "../../privacy/policy.ts";
import type { PolicyChange, Undated } from "../directory.ts";
import { isId } from "../entity-id.ts";
import type { AudienceTopic } from "./topics.ts";

/** A record that cannot be decoded. */
export class MalformedRecord extends Error {
  override readonly name = "MalformedRecord";
  /** What it says all the same; undefined: nothing. */
  readonly change: Undated | undefined;

  constructor(message: string, options?: ErrorOptions & { readonly change?: Undated }) {
    super(message, options);
    this.change = options?.change;
  }
}

type Content = Pick<TopicRecord, "key" | "value" | "isTombstone">;

/**
 * The change in a record, without its time.
 * @returns undefined: the record changes no relation
 * @throws MalformedRecord
 */
export function decodeRecord(topic: AudienceTopic, record: Content): Undated | undefined {
  const { value } = record;
  switch (topic) {
    case "conversation.events.v1":
      return conversationChange(value);
    case "contact.added":
      return { kind: "contact-added", ...pairIn(value, "contact_id", "contactId") };
    case "contact.removed":
      return { kind: "contact-removed", ...pairIn(value, "contact_id", "contactId") };
    case "user.blocked":
      return { kind: "blocked", ...pairIn(value, "blocked", "blockedId") };
    case "user.unblocked":
      return { kind: "unblocked", ...pairIn(value, "blocked", "blockedId") };
    case "presence.privacy":
      return policyIn(record);
  }
}

/** @throws MalformedRecord that hides the user, when it is no policy */
function policyIn({ key, value, isTombstone }: Content): PolicyChange {
  const userId = checked("key", key && asText(key));
  if (isTombstone) return { kind: "policy", userId, policy: "" };
  const policy = parsePolicy(asText(value));
  const change = { kind: "policy", userId, policy: storedPolicy(policy) } as const;
  if (policy === nothing) throw new MalformedRecord("is no policy: it hides its user", { change });
  return change;
}

function conversationChange(value: Uint8Array): Undated | undefined {
  const { eventType, payload } = parse("EventEnvelope", () => events.EventEnvelope.decode(value));
  if (eventType === events.EventType.EVENT_TYPE_CONVERSATION_CREATED) {
    const created = parse("ConversationCreatedEvent", () => conversation.ConversationCreatedEvent.decode(payload));
    const participants = [...(created.conversation?.participantUserIds ?? []), ...created.participantUserIds];
    return {
      kind: "conversation",
      conversationId: checked("conversation_id", created.conversation?.conversationId),
      participants: [...new Set(participants)].map((id) => checked("participant_user_ids", id)),
    };
  }
  if (eventType === events.EventType.EVENT_TYPE_MEMBERSHIP_CHANGED) {
    const changed = parse("MembershipChangedEvent", () => conversation.MembershipChangedEvent.decode(payload));
    return {
      kind: changed.added ? "joined" : "left",
      conversationId: checked("conversation_id", changed.conversationId),
      userId: checked("user_id", changed.userId),
    };
  }
  return undefined;
}

/** Reads `{"user_id": "…", "contact_id": "…"}`, or with another field for the other. */
function pairIn<Name extends string>(value: Uint8Array, field: string, name: Name) {
  const content: unknown = parse("JSON", () => JSON.parse(utf8.decode(value)));
  if (typeof content !== "object" || content === null) throw new MalformedRecord("is no JSON object");
  const fields = content as Readonly<Record<string, unknown>>;
  const other = { [name]: checked(field, fields[field]) } as Record<Name, string>;
  return { userId: checked("user_id", fields.user_id), ...other };
}

/** @returns "" for bytes that are no text */
function asText(value: Uint8Array): string {
  try {
    return utf8.decode(value);
  } catch {
    return "";
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function parse<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new MalformedRecord(`is no ${what}: ${(error as Error).message}`, { cause: error });
  }
}

function checked(field: string, id: unknown): string {
  if (isId(id)) return id;
  throw new MalformedRecord(`has a ${field} that is no id: 1 to ${idMaxBytes} bytes without control characters`);
}
