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

/**
 * @param entries `contact.added=prod.contact.added` renames a topic; a name alone stands for itself. Names of topics
 *   that Delivery does not read here are passed over: deployments list all that they have
 * @throws TypeError when something unknown is renamed, or two topics would be one
 */
export function topicNames(entries: readonly string[]): TopicNames {
  const names: Record<AudienceTopic, string> = Object.fromEntries(
    audienceTopics.map((topic) => [topic, topic]),
  ) as never;
  for (const entry of entries) {
    const [topic = "", name] = entry.split("=", 2);
    if (name === undefined) continue;
    if (!isAudienceTopic(topic)) {
      throw new TypeError(`${entry} renames ${topic}, which is none of ${audienceTopics.join(", ")}`);
    }
    if (!/^(?!\.{1,2}$)[\w.-]{1,249}$/.test(name)) {
      throw new TypeError(`${entry} does not name a topic: 1 to 249 letters, digits, dots, dashes and underscores`);
    }
    names[topic] = name;
  }
  if (new Set(Object.values(names)).size < audienceTopics.length) {
    throw new TypeError(`two topics have one name: ${Object.values(names).sort().join(", ")}`);
  }
  return names;
}

function isAudienceTopic(topic: string): topic is AudienceTopic {
  return (audienceTopics as readonly string[]).includes(topic);
}
