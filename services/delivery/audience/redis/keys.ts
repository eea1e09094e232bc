/**
 * In front of every key. One hash tag: the whole directory is in one slot of a Redis Cluster, so that one script may
 * read the conversations of a viewer together.
 *
 * Behind it, all of them ZSETs of ids by stamp (see Stamp in facts.ts), each relation written down at both its ends:
 *
 * - `member:<conversation>` users, `member-of:<user>` conversations
 * - `contact:<user>` contacts, `contact-of:<user>` who has him as a contact
 * - `block:<user>` whom he blocks, `block-of:<user>` who blocks him
 */
export const prefix = "audience:{audience}:";

/** HASH: `schema`; `generation`, the name of this data; `relations`, how many; `imports`, see DirectoryState. */
export const markKey = `${prefix}mark`;

/** HASH: source → offset and `at` of the last record applied, with a blank between. */
export const positionsKey = `${prefix}positions`;
