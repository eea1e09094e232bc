import { headersIn } from "@realchat/presence-kafka/consumer";
import { EventEnvelope, EventType } from "@realchat/presence-proto/events";
import { PresenceResetEvent, PresenceUpdateEvent } from "@realchat/presence-proto/presence";
import { changeOfUpdate, type PresenceChange } from "../presence-change.ts";

/** What a record of the topic says. */
type RecordContent =
  | { readonly kind: "change"; readonly change: PresenceChange }
  | { readonly kind: "reset"; readonly reset: PresenceResetEvent }
  /** An event of another kind, or a deletion mark. */
  | { readonly kind: "other" }
  | { readonly kind: "unreadable" };

export function recordContent(value: Uint8Array): RecordContent {
  try {
    const { eventType, payload } = EventEnvelope.decode(value);
    switch (eventType) {
      case EventType.EVENT_TYPE_USER_ONLINE:
      case EventType.EVENT_TYPE_USER_OFFLINE:
      case EventType.EVENT_TYPE_USER_STATUS_CHANGED:
        return { kind: "change", change: changeOfUpdate(PresenceUpdateEvent.decode(payload)) };
      case EventType.EVENT_TYPE_PRESENCE_RESET:
        return { kind: "reset", reset: PresenceResetEvent.decode(payload) };
      default:
        return { kind: "other" };
    }
  } catch {
    return { kind: "unreadable" };
  }
}

/** By what a record is traced: its header `traceparent`. */
export function traceOf(headers: Uint8Array | undefined): { readonly traceparent: string } | undefined {
  if (headers === undefined) return undefined;
  try {
    const { traceparent } = headersIn(headers);
    return traceparent === undefined ? undefined : { traceparent };
  } catch {
    return undefined;
  }
}
