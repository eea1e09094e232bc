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
 * @param entries a name that ends with that of a topic stands for it: `prod.contact.added` for `contact.added`;
 *   `contact.added=added-contacts` gives it any other. Further names are passed over: deployments list all that they
 *   have. A topic that is not among them keeps its own name: a block that nobody reads would show who must not be seen
 * @throws TypeError when something unknown is renamed, or two topics would be one
 */
export function topicNames(entries: readonly string[]): TopicNames {
  const names = Object.fromEntries(audienceTopics.map((topic) => [topic, topic])) as Record<AudienceTopic, string>;
  for (const entry of entries) {
    const [before = "", after] = entry.split("=", 2);
    const name = after ?? before;
    const topic = audienceTopics.find((known) => (after === undefined ? isNamedAfter(name, known) : before === known));
    if (topic === undefined && after === undefined) continue;
    if (topic === undefined) {
      throw new TypeError(`${entry} renames ${before}, which is none of ${audienceTopics.join(", ")}`);
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

function isNamedAfter(name: string, topic: AudienceTopic): boolean {
  return name === topic || [".", "-", "_"].some((separator) => name.endsWith(separator + topic));
}
