import type { Transition } from "../domain/transition.ts";

/** One event's attributes by name, as strings; `data` apart. */
type CloudEventAttributes = Readonly<Record<(typeof cloudEventAttributeNames)[number], string>>;

export const cloudEventAttributeNames = [
  "specversion",
  "id",
  "source",
  "type",
  "time",
  "subject",
  "datacontenttype",
] as const;

/**
 * The transition as a CloudEvent. Source and id together identify an event, so the source must not say which node sent
 * it: a repetition by another node is the same event.
 * @param source URI reference of the presence service, e.g. `/realchat/presence`
 * Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#required-attributes
 */
export function cloudEventOf(transition: Transition, source: string): CloudEventAttributes {
  return {
    specversion: "1.0",
    id: `${transition.shard}:${transition.version}`,
    source,
    type: transition.online ? "realchat.presence.v1.UserOnline" : "realchat.presence.v1.UserOffline",
    time: rfc3339(transition.version),
    subject: transition.userId,
    datacontenttype: "application/protobuf",
  };
}

/** Microseconds since 1970 as UTC time, e.g. `2026-09-21T13:33:20.000123Z`. Source: RFC 3339 section 5.6 */
function rfc3339(us: number): string {
  const seconds = new Date(Math.floor(us / 1000)).toISOString().slice(0, -"000Z".length);
  return `${seconds}${String(us % 1_000_000).padStart(6, "0")}Z`;
}
