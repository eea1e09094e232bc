import { browserClock } from "@realchat/presence-web";
import { claim, claimOwn } from "./claim.js";
import { element, icon } from "./element.js";
import { keep, kept } from "./kept.js";

/** @typedef {"laptop" | "phone" | "tablet"} DeviceKind */

/** @type {readonly DeviceKind[]} */
export const deviceKinds = ["laptop", "phone", "tablet"];

const names = { laptop: "Laptop", phone: "Phone", tablet: "Tablet" };

/** To be called once, first: a window that was duplicated has a copy of the other's id, and becomes another device. */
export async function settleDevice() {
  const known = kept("device");
  if (known !== undefined && !(await claim(known))) keep("device", undefined);
}

/**
 * This window as a device: it keeps its id over reloads, so that others see no flicker, and another window has another.
 * @param {DeviceKind} kind
 */
export function deviceIdOf(kind) {
  const known = kept("device");
  if (known?.startsWith(`${kind}-`)) return known;
  const id = `${kind}-${Math.floor(browserClock.random() * 36 ** 4)
    .toString(36)
    .padStart(4, "0")}`;
  keep("device", id);
  claimOwn(id);
  return id;
}

/** What this window most likely runs on. @returns {DeviceKind} */
export function likelyKind() {
  const known = kindOf(kept("device") ?? "");
  if (known !== undefined) return known;
  return matchMedia("(max-width: 600px)").matches ? "phone" : "laptop";
}

/** @param {string} id */
export function deviceName(id) {
  const kind = kindOf(id);
  return kind === undefined ? id : names[kind];
}

/** A device in a word and a picture. @param {string} id */
export function deviceChip(id) {
  const kind = kindOf(id);
  return element("span", { class: "chip", title: id }, icon(kind ?? "laptop"), element("span", {}, deviceName(id)));
}

/** @param {string} id */
function kindOf(id) {
  return deviceKinds.find((kind) => id === kind || id.startsWith(`${kind}-`));
}
