/** The topics that a gateway reads, by their default names. */
export const knownTopics = [
  "conversation.events.v1",
  "contact.added",
  "contact.removed",
  "user.blocked",
  "user.unblocked",
  "presence.privacy",
  "presence.events.v1",
] as const;

type KnownTopic = (typeof knownTopics)[number];

/**
 * The topics' names in a deployment, by default name.
 * @param entries `contact.added=added-contacts` gives a topic any name. Otherwise a name that ends with that of a topic
 *   stands for it, unless its own is there too: `prod.contact.added` for `contact.added`. Further names are passed
 * over: deployments list all that
 *   they have. A topic that is not among them keeps its own name: a block that nobody reads would show who must not be
 *   seen
 * @throws TypeError when something unknown is renamed, one topic would be two, or two would be one
 */
export function kafkaTopics(entries: readonly string[]): Readonly<Record<KnownTopic, string>> {
  const given = entries.map(parse);
  const names = Object.fromEntries(knownTopics.map((topic) => [topic, nameAmong(given, topic)]));
  const called = Object.values(names).sort();
  const twice = called.find((name, index) => name === called[index + 1]);
  if (twice !== undefined) throw new TypeError(`two topics have one name, ${twice}: ${called.join(", ")}`);
  return names as Record<KnownTopic, string>;
}

interface Entry {
  readonly text: string;
  /** Undefined: the entry is a name alone. */
  readonly renamed: KnownTopic | undefined;
  readonly name: string;
}

function parse(text: string): Entry {
  const [before = "", ...after] = text.split("=");
  const isRename = after.length > 0;
  const renamed = isRename ? knownTopics.find((topic) => topic === before) : undefined;
  if (isRename && renamed === undefined) {
    throw new TypeError(`${text} renames ${before}, which is none of ${knownTopics.join(", ")}`);
  }
  const name = isRename ? after.join("=") : before;
  if (isRename && !/^(?!\.{1,2}$)[\w.-]{1,249}$/.test(name)) {
    throw new TypeError(`${text} does not name a topic: 1 to 249 letters, digits, dots, dashes and underscores`);
  }
  return { text, renamed, name };
}

/** A renaming counts more than the topic's own name, and that more than a name that ends with it. */
function nameAmong(entries: readonly Entry[], topic: KnownTopic): string {
  const renames = entries.filter(({ renamed }) => renamed === topic);
  const own = entries.filter(({ renamed, name }) => renamed === undefined && name === topic);
  const endings = entries.filter(({ renamed, name }) => renamed === undefined && endsWith(name, topic));
  const chosen = [renames, own, endings].find((some) => some.length > 0) ?? [];
  if (new Set(chosen.map(({ name }) => name)).size > 1) {
    const all = chosen.map(({ text }) => text).join(" and ");
    throw new TypeError(`${all} both stand for ${topic}: say which it is, once, as ${topic}=name`);
  }
  return chosen[0]?.name ?? topic;
}

function endsWith(name: string, topic: KnownTopic): boolean {
  return [".", "-", "_"].some((separator) => name.endsWith(separator + topic));
}
