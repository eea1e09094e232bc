/** @import { UserPresence } from "../../../../packages/web-client/types.d.ts" */
import { availabilityOf, inWords } from "./availability.js";
import { sayingOf } from "./status.js";

/**
 * @typedef {{ user: UserPresence, news: string, isTransition: boolean }} Change
 * `news`: what follows the name, `came online`; `isTransition`: the user came or went, which is what `cause` and `at` are of
 */

/**
 * What is worth telling of a user who was shown.
 * @param {UserPresence | undefined} before
 * @param {UserPresence} user
 * @returns {Change | undefined}
 */
export function changeOf(before, user) {
  if (before === undefined) return undefined;
  if (before.online !== user.online) {
    return { user, news: user.online ? "came online" : "went offline", isTransition: true };
  }
  const saying = sayingOf(user.status);
  const news = [
    user.online && availabilityOf(before) !== availabilityOf(user) && inWords[availabilityOf(user)].news,
    sayingOf(before.status) !== saying && (saying === undefined ? "has no status any more" : `says ${saying}`),
  ].filter(Boolean);
  return news.length > 0 ? { user, news: news.join(" and "), isTransition: false } : undefined;
}
