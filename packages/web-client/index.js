export { browserClock } from "./clock.js";
export { PresenceClient } from "./presence-client.js";
export { subscribeVisible } from "./subscribe-visible.js";
