import { browserClock } from "@realchat/presence-web";
import { element, icon } from "./element.js";

/** @typedef {"laptop" | "phone" | "tablet"} DeviceKind */

/** @type {readonly DeviceKind[]} */
export const deviceKinds = ["laptop", "phone", "tablet"];

const names = { laptop: "Laptop", phone: "Phone", tablet: "Tablet" };

/**
 * This window as a device: it keeps its id over reloads, so that others see no flicker, and another window has another.
 * @param {DeviceKind} kind
 */
export function deviceIdOf(kind) {
  const known = sessionStorage.getItem("device");
  if (known?.startsWith(`${kind}-`)) return known;
  const id = `${kind}-${Math.floor(browserClock.random() * 36 ** 4)
    .toString(36)
    .padStart(4, "0")}`;
  sessionStorage.setItem("device", id);
  return id;
}

/** What this window most likely runs on. @returns {DeviceKind} */
export function likelyKind() {
  const known = kindOf(sessionStorage.getItem("device") ?? "");
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
