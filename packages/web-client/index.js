/**
 * @import * as types from "./types.d.ts"
 * @typedef {types.UserPresence} UserPresence
 * @typedef {types.UserStatus} UserStatus
 * @typedef {types.Availability} Availability
 * @typedef {types.OwnStatus} OwnStatus
 * @typedef {types.Self} Self
 * @typedef {types.Policy} Policy
 * @typedef {types.Audience} Audience
 * @typedef {types.Refusal} Refusal
 * @typedef {types.Cause} Cause
 * @typedef {types.ConnectionState} ConnectionState
 * @typedef {types.PresenceEvents} PresenceEvents
 * @typedef {types.PresenceClientOptions} PresenceClientOptions
 * @typedef {types.IdleOptions} IdleOptions
 * @typedef {types.Clock} Clock
 * @typedef {types.ServerFrame} ServerFrame
 * @typedef {types.ClientFrame} ClientFrame
 */
export { browserClock } from "./clock.js";
export { PresenceClient } from "./presence-client.js";
export { PresenceClientError } from "./presence-client-error.js";
export { subscribeVisible } from "./subscribe-visible.js";
