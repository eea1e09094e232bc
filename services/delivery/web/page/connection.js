/** @import { ConnectionState } from "../../../../packages/web-client/types.d.ts" */
import { element } from "./element.js";

const SESSION_REPLACED = 4000;
const CLOSED_BY_US = 1000;

/** What there is to say about the connection. @param {ConnectionState} state */
function inWords(state) {
  switch (state.kind) {
    case "open":
      return "Connected";
    case "connecting":
      return "Connecting…";
    case "waiting":
      return "Connection lost, trying again…";
    case "closed":
      if (state.code === SESSION_REPLACED) return "This device is connected elsewhere";
      return state.code === CLOSED_BY_US ? "Network cut" : `Closed by the gateway (${state.code})`;
  }
}

/**
 * Shows in the bar how the connection is, and on the page that what it shows may be out of date.
 * @param {HTMLElement} place
 * @param {ConnectionState} state
 * @param {() => void} reconnect
 */
export function showConnection(place, state, reconnect) {
  const isReplaced = state.kind === "closed" && state.code === SESSION_REPLACED;
  document.body.dataset.connection = state.kind;
  place.replaceChildren(
    element("span", { class: "dot" }),
    element("span", {}, inWords(state)),
    ...(isReplaced ? [element("button", { type: "button", click: reconnect }, "Use it here")] : []),
  );
}
