/**
 * @import * as types from "./types.d.ts"
 * @typedef {types.UserPresence} UserPresence
 * @typedef {types.Cause} Cause
 * @typedef {types.ConnectionState} ConnectionState
 * @typedef {types.PresenceEvents} PresenceEvents
 * @typedef {types.PresenceClientOptions} PresenceClientOptions
 * @typedef {types.Clock} Clock
 * @typedef {types.ServerFrame} ServerFrame
 * @typedef {types.ClientFrame} ClientFrame
 */
export { browserClock } from "./clock.js";
export { PresenceClient } from "./presence-client.js";
export { PresenceClientError } from "./presence-client-error.js";
export { subscribeVisible } from "./subscribe-visible.js";
