import { conversation, events } from "@realchat/presence-proto";

/** Values of records as the other services write them. */

export function conversationCreated(conversationId: string, ...participants: string[]): Buffer {
  const payload = conversation.ConversationCreatedEvent.encode({
    conversation: { conversationId, participantUserIds: participants },
    participantUserIds: participants,
  }).finish();
  return envelope(events.EventType.EVENT_TYPE_CONVERSATION_CREATED, payload);
}

export function membershipChanged(conversationId: string, userId: string, added: boolean): Buffer {
  const payload = conversation.MembershipChangedEvent.encode({ conversationId, userId, added }).finish();
  return envelope(events.EventType.EVENT_TYPE_MEMBERSHIP_CHANGED, payload);
}

export function contact(userId: string, contactId: string): Buffer {
  return Buffer.from(JSON.stringify({ user_id: userId, contact_id: contactId }));
}

export function block(userId: string, blocked: string): Buffer {
  return Buffer.from(JSON.stringify({ user_id: userId, blocked }));
}

function envelope(eventType: events.EventType, payload: Uint8Array): Buffer {
  const content = events.EventEnvelope.fromPartial({ eventType, schemaVersion: 1, payload: Buffer.from(payload) });
  return Buffer.from(events.EventEnvelope.encode(content).finish());
}
