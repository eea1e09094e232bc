/** The topics that relations and policies are read from, by their default names. */
export const audienceTopics = [
  "conversation.events.v1",
  "contact.added",
  "contact.removed",
  "user.blocked",
  "user.unblocked",
  "presence.privacy",
] as const;

export type AudienceTopic = (typeof audienceTopics)[number];

/** The topics' names in a deployment, by default name. */
export type TopicNames = Readonly<Record<AudienceTopic, string>>;
