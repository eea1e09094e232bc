/** The topics that say who may see whom, by the names that they have by default. */
export const audienceTopics = [
  "conversation.events.v1",
  "contact.added",
  "contact.removed",
  "user.blocked",
  "user.unblocked",
] as const;

export type AudienceTopic = (typeof audienceTopics)[number];

/** What each topic is called in a deployment. */
export type TopicNames = Readonly<Record<AudienceTopic, string>>;
