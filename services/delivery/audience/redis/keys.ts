/** Where the directory has what. */
export interface DirectoryKeys {
  /** In front of every other key; see directoryKeys. */
  readonly prefix: string;
  /** HASH: `schema`; `generation`, the name of this data; `relations`, how many; `imports`, see DirectoryState. */
  readonly mark: string;
  /** HASH: source → offset and `at` of the last record applied, with a blank between. */
  readonly positions: string;
}

/**
 * One hash tag: the whole directory is in one slot of a Redis Cluster, so that one script can read all conversations of a
 * viewer.
 *
 * After `prefix`, all of them ZSETs of ids by stamp (see Stamp in facts.ts), each relation stored at both ends:
 *
 * - `member:<conversation>` users, `member-of:<user>` conversations
 * - `contact:<user>` contacts, `contact-of:<user>` users that have this contact
 * - `block:<user>` blocked users, `block-of:<user>` users that block this user
 * @param keyPrefix in front of all names, without braces: it keeps apart what shares a Redis
 */
export function directoryKeys(keyPrefix = ""): DirectoryKeys {
  const prefix = `${keyPrefix}audience:{audience}:`;
  return { prefix, mark: `${prefix}mark`, positions: `${prefix}positions` };
}

/** See directoryKeys. */
export function membersKey({ prefix }: DirectoryKeys, conversation: string): string {
  return `${prefix}member:${conversation}`;
}
