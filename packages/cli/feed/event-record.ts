import { events, presence } from "@realchat/presence-proto";

/** A record of the events topic, as it was read. */
export interface TopicRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  /** The user_id. */
  readonly key: string;
  /** CloudEvents attributes and whatever else stands there. */
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Uint8Array;
}

/** What a record says. */
type RecordContent =
  | { readonly kind: "update"; readonly envelope: events.EventEnvelope; readonly update: presence.PresenceUpdateEvent }
  | { readonly kind: "reset"; readonly envelope: events.EventEnvelope; readonly reset: presence.PresenceResetEvent }
  /** An event that is not about presence. */
  | { readonly kind: "other"; readonly envelope: events.EventEnvelope }
  | { readonly kind: "unreadable"; readonly why: string };

export function contentOf({ value }: Pick<TopicRecord, "value">): RecordContent {
  try {
    const envelope = events.EventEnvelope.decode(value);
    switch (envelope.eventType) {
      case events.EventType.EVENT_TYPE_USER_ONLINE:
      case events.EventType.EVENT_TYPE_USER_OFFLINE:
      case events.EventType.EVENT_TYPE_USER_STATUS_CHANGED:
        return { kind: "update", envelope, update: presence.PresenceUpdateEvent.decode(envelope.payload) };
      case events.EventType.EVENT_TYPE_PRESENCE_RESET:
        return { kind: "reset", envelope, reset: presence.PresenceResetEvent.decode(envelope.payload) };
      default:
        return { kind: "other", envelope };
    }
  } catch (error) {
    return { kind: "unreadable", why: (error as Error).message };
  }
}
