/** @import { UserStatus } from "../../../../packages/web-client/types.d.ts" */
import { element } from "./element.js";
import { moment } from "./time.js";

/** What somebody says, on one line; undefined: nothing. @param {UserStatus["status"]} status */
export function sayingOf({ emoji, text } = {}) {
  return [emoji, text].filter(Boolean).join(" ") || undefined;
}

/** What somebody says, and until when; false: nothing. @param {UserStatus} user */
export function sayingLine({ status }) {
  const saying = sayingOf(status);
  return saying !== undefined && element("span", { class: "saying" }, saying, untilText(status?.until));
}

/** @param {number | undefined} untilMs */
function untilText(untilMs) {
  if (untilMs === undefined) return undefined;
  const time = element("time", { datetime: new Date(untilMs).toISOString() }, moment(untilMs, Date.now()));
  return element("span", { class: "until" }, " until ", time);
}
