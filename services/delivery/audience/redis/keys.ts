/**
 * Prefix of every key. One hash tag: the whole directory is in one slot of a Redis Cluster, so that one script can read
 * all conversations of a viewer.
 *
 * After it, all of them ZSETs of ids by stamp (see Stamp in facts.ts), each relation stored at both ends:
 *
 * - `member:<conversation>` users, `member-of:<user>` conversations
 * - `contact:<user>` contacts, `contact-of:<user>` users that have this contact
 * - `block:<user>` blocked users, `block-of:<user>` users that block this user
 */
export const prefix = "audience:{audience}:";

/** HASH: `schema`; `generation`, the name of this data; `relations`, how many; `imports`, see DirectoryState. */
export const markKey = `${prefix}mark`;

/** HASH: source → offset and `at` of the last record applied, with a blank between. */
export const positionsKey = `${prefix}positions`;
