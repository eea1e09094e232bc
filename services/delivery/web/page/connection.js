/** @import { ConnectionState } from "../../../../packages/web-client/types.d.ts" */
import { element } from "./element.js";

const CLOSED_BY_US = 1000;
const SESSION_REPLACED = 4000;
const TOO_MANY_DEVICES = 4429;

/** What there is to say about the connection. @param {ConnectionState} state @param {boolean} isStale */
function inWords(state, isStale) {
  switch (state.kind) {
    case "open":
      return isStale ? "Connected, but dots may be out of date" : "Connected";
    case "connecting":
      return "Connecting…";
    case "waiting":
      return "Connection lost, trying again…";
    case "closed":
      if (state.code === CLOSED_BY_US) return "Network cut";
      if (state.code === SESSION_REPLACED) return "This device is connected elsewhere";
      if (state.code === TOO_MANY_DEVICES) return "Too many devices: log out on another one";
      return state.error instanceof Error ? state.error.message : `Closed by the gateway (${state.code})`;
  }
}

/** Whether the gateway, or an error, has ended it for good: only whoever is asked may connect again. @param {ConnectionState} state */
export function isEnded(state) {
  return state.kind === "closed" && state.code !== CLOSED_BY_US;
}

/**
 * Shows in the bar how the connection is, and on the page that what it shows may be out of date.
 * @param {HTMLElement} place
 * @param {ConnectionState} state
 * @param {boolean} isStale
 * @param {() => void} reconnect
 */
export function showConnection(place, state, isStale, reconnect) {
  const label = state.kind === "closed" && state.code === SESSION_REPLACED ? "Use it here" : "Try again";
  document.body.dataset.connection = state.kind;
  document.body.dataset.stale = String(isStale);
  // The button goes while the focus is on it.
  const hadFocus = place.contains(document.activeElement);
  place.replaceChildren(
    element("span", { class: "dot" }),
    element("span", {}, inWords(state, isStale)),
    isEnded(state) ? element("button", { type: "button", click: reconnect }, label) : "",
  );
  if (hadFocus) place.focus();
}
