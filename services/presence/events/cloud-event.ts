import { isMark, type PublishedEntry } from "../domain/log-entry.ts";

/** One event's attributes by name, as strings; `data` apart. A reset is about no user, so it has no subject. */
type CloudEventAttributes = Readonly<Record<Exclude<CloudEventAttributeName, "subject">, string>> & {
  readonly subject?: string;
};

type CloudEventAttributeName = (typeof cloudEventAttributeNames)[number];

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
 * A transition, or a reset of a shard, as a CloudEvent. Source and id together identify an event, so the source must not say which node sent
 * it: a repetition by another node is the same event.
 * @param source URI reference of the presence service, e.g. `/realchat/presence`
 * Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#required-attributes
 */
export function cloudEventOf(entry: PublishedEntry, source: string): CloudEventAttributes {
  return {
    specversion: "1.0",
    id: `${entry.shard}:${entry.version}`,
    source,
    type: `realchat.presence.v1.${typeOf(entry)}`,
    time: rfc3339(entry.version),
    ...(!isMark(entry) && { subject: entry.userId }),
    datacontenttype: "application/protobuf",
  };
}

function typeOf(entry: PublishedEntry): string {
  if (isMark(entry)) return "PresenceReset";
  if (entry.cause === "STATUS") return "UserStatusChanged";
  return entry.online ? "UserOnline" : "UserOffline";
}

/** Microseconds since 1970 as UTC time, e.g. `2026-09-21T13:33:20.000123Z`. Source: RFC 3339 section 5.6 */
function rfc3339(us: number): string {
  const seconds = new Date(Math.floor(us / 1000)).toISOString().slice(0, -"000Z".length);
  return `${seconds}${String(us % 1_000_000).padStart(6, "0")}Z`;
}
