/** @import { ServerFrame, UserPresence } from "./types.d.ts" */

/**
 * Reads what a gateway said. Users without the shape of one are passed over, each for itself.
 * @param {string} text
 * @returns {ServerFrame}
 * @throws unless it is JSON, and has the lists that its type has
 */
export function readFrame(text) {
  const { type, users, ...rest } = JSON.parse(text);
  if (type === "hidden") return { type, users: users.filter(isId) };
  if (type === "snapshot" || type === "presence") return { type, users: users.filter(isUser) };
  return { type, ...rest };
}

/** @param {UserPresence | null} user */
function isUser(user) {
  return isId(user?.id) && typeof user?.online === "boolean" && Number.isSafeInteger(user.version);
}

/** @param {unknown} id */
function isId(id) {
  return typeof id === "string";
}
