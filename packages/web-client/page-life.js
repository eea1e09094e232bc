/** @import { PresenceClient } from "./presence-client.js" */

/**
 * Wakes the client, in a page, when that comes back into view or the machine onto a network: a background page's timers sleep,
 * and a wait that began in a tunnel is over at its end.
 * @param {PresenceClient} client
 * @returns {() => void} ends it
 */
export function wakeWithPage(client) {
  if (typeof document === "undefined") return () => {};
  const end = new AbortController();
  const wake = () => {
    if (!document.hidden) client.wake();
  };
  document.addEventListener("visibilitychange", wake, end);
  addEventListener("online", wake, end);
  return () => end.abort();
}
