/** @import { PresenceClient } from "./presence-client.js" */
import { browserClock } from "./clock.js";
import { report } from "./report.js";

// Whoever scrolls tells at most so often who is there now: gateways bound what a client may say in a second.
const TELL_MS = 200;

/**
 * Subscribes to whoever is on screen: observe the elements that show a user, and unobserve those that go.
 * @param {PresenceClient} client
 * @param {(element: Element) => string} idOf the user that an element shows
 * @param {IntersectionObserverInit} [options] default: within 200 px of the viewport
 */
export function subscribeVisible(client, idOf, options = { rootMargin: "200px" }) {
  /** Ids of the elements in view; a user may be in view more than once. @type {Map<Element, string>} */
  const inView = new Map();
  /** @type {Set<string>} */
  let subscribed = new Set();
  let isDue = false;

  const tell = () => {
    isDue = false;
    const before = subscribed;
    subscribed = new Set(inView.values());
    const came = [...subscribed].filter((id) => !before.has(id));
    const went = [...before].filter((id) => !subscribed.has(id));
    if (came.length > 0) client.subscribe(came);
    if (went.length > 0) client.unsubscribe(went);
  };
  const tellSoon = () => {
    if (isDue) return;
    isDue = true;
    browserClock.after(TELL_MS, tell);
  };
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      inView.delete(target);
      try {
        if (isIntersecting) inView.set(target, idOf(target));
      } catch (error) {
        // One element that shows nobody keeps nothing from the others.
        report(error);
      }
    }
    tellSoon();
  }, options);

  return {
    observe: (/** @type {Element} */ element) => observer.observe(element),
    unobserve(/** @type {Element} */ element) {
      observer.unobserve(element);
      inView.delete(element);
      tellSoon();
    },
    /** Unsubscribes from all. */
    stop() {
      observer.disconnect();
      inView.clear();
      tell();
    },
  };
}
