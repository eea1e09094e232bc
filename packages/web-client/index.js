/** @import { PresenceClientOptions } from "./types.d.ts" */
import { wakeWithPage } from "./page-life.js";
import { PresenceClient } from "./presence-client.js";

export { browserClock } from "./clock.js";
export { wakeWithPage } from "./page-life.js";
export { PresenceClient } from "./presence-client.js";
export { subscribeVisible } from "./subscribe-visible.js";

/**
 * A client that lives as the page does; it connects when `connect()` is called.
 * @param {PresenceClientOptions} options
 */
export function createPresenceClient(options) {
  const client = new PresenceClient(options);
  wakeWithPage(client);
  return client;
}
