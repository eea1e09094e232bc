/** Where the directory has what. */
export interface DirectoryKeys {
  /** In front of every other key; see directoryKeys. */
  readonly prefix: string;
  /** HASH: `schema`; `generation`, the name of this data; `relations`, how many; `imports` and `policy-changes`, see DirectoryState; `clock`, the latest that was told. */
  readonly mark: string;
  /** HASH: source → offset and `at` of the last record applied, with a blank between. */
  readonly positions: string;
  /** HASH: user → stamp and policy, with a blank between; see PolicyChange. */
  readonly policies: string;
  /** HASH: user → shard, sinceMs and the rest of the hidden state, with blanks between. */
  readonly hidden: string;
}

/**
 * One hash tag: the whole directory is in one slot of a Redis Cluster, so that one script can read all conversations of a
 * viewer.
 *
 * After `prefix`, besides the LIST `changed-policies` of users, all of them ZSETs of ids by stamp (see Stamp in facts.ts), each relation stored at both ends:
 *
 * - `member:<conversation>` users, `member-of:<user>` conversations
 * - `contact:<user>` contacts, `contact-of:<user>` users that have this contact
 * - `block:<user>` blocked users, `block-of:<user>` users that block this user
 * @param keyPrefix in front of all names, without braces: it keeps apart what shares a Redis
 */
export function directoryKeys(keyPrefix = ""): DirectoryKeys {
  const prefix = `${keyPrefix}audience:{audience}:`;
  const [mark, positions] = [`${prefix}mark`, `${prefix}positions`];
  const [policies, hidden] = [`${prefix}policies`, `${prefix}hidden`];
  return { prefix, mark, positions, policies, hidden };
}

/** See directoryKeys. */
export function membersKey({ prefix }: DirectoryKeys, conversation: string): string {
  return `${prefix}member:${conversation}`;
}
