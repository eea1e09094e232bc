import { conversation, events } from "@realchat/presence-proto";
import { idMaxBytes } from "@realchat/presence-runtime";
import type { AudienceChange } from "../directory.ts";
import { isId } from "../entity-id.ts";
import type { AudienceTopic } from "./topics.ts";

/** A record that says nothing that could be understood. */
export class MalformedRecord extends Error {
  override readonly name = "MalformedRecord";
}

/**
 * What a record says.
 * @param at see AudienceChange
 * @returns undefined: nothing about who may see whom
 * @throws MalformedRecord
 */
export function decodeRecord(topic: AudienceTopic, value: Uint8Array, at: number): AudienceChange | undefined {
  switch (topic) {
    case "conversation.events.v1":
      return conversationChange(value, at);
    case "contact.added":
      return { kind: "contact-added", at, ...pairIn(value, "contact_id", "contactId") };
    case "contact.removed":
      return { kind: "contact-removed", at, ...pairIn(value, "contact_id", "contactId") };
    case "user.blocked":
      return { kind: "blocked", at, ...pairIn(value, "blocked", "blockedId") };
    case "user.unblocked":
      return { kind: "unblocked", at, ...pairIn(value, "blocked", "blockedId") };
  }
}

function conversationChange(value: Uint8Array, at: number): AudienceChange | undefined {
  const { eventType, payload } = parse("EventEnvelope", () => events.EventEnvelope.decode(value));
  if (eventType === events.EventType.EVENT_TYPE_CONVERSATION_CREATED) {
    const created = parse("ConversationCreatedEvent", () => conversation.ConversationCreatedEvent.decode(payload));
    const participants = [...(created.conversation?.participantUserIds ?? []), ...created.participantUserIds];
    return {
      kind: "conversation",
      at,
      conversationId: checked("conversation_id", created.conversation?.conversationId),
      participants: [...new Set(participants)].map((id) => checked("participant_user_ids", id)),
    };
  }
  if (eventType === events.EventType.EVENT_TYPE_MEMBERSHIP_CHANGED) {
    const changed = parse("MembershipChangedEvent", () => conversation.MembershipChangedEvent.decode(payload));
    return {
      kind: changed.added ? "joined" : "left",
      at,
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
