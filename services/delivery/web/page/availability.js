/** @import { Availability, UserPresence } from "../../../../packages/web-client/types.d.ts" */

/**
 * In words: to be chosen, of somebody now, of somebody when that may be out of date, and as news after a name.
 * @type {Record<Availability, { choice: string, now: string, was: string, news: string }>}
 */
export const inWords = {
  available: { choice: "Available", now: "Online", was: "Was online", news: "is available" },
  away: { choice: "Away", now: "Away", was: "Was away", news: "is away" },
  busy: { choice: "Busy", now: "Busy", was: "Was busy", news: "is busy" },
  do_not_disturb: {
    choice: "Do not disturb",
    now: "Do not disturb",
    was: "Was not to be disturbed",
    news: "is not to be disturbed",
  },
};

/** @type {readonly Availability[]} */
export const availabilities = ["available", "away", "busy", "do_not_disturb"];

/** Of somebody who is online: available where a gateway says nothing, or what only a later one knows. @param {Pick<UserPresence, "availability">} user */
export function availabilityOf({ availability = "available" }) {
  return availability in inWords ? availability : "available";
}
