/** @import { PresenceClient } from "./presence-client.js" */

/**
 * Subscribes to whoever is on screen: observe the elements that show a user, and unobserve those that go.
 * @param {PresenceClient} client
 * @param {(element: Element) => string} idOf the user that an element shows
 * @param {IntersectionObserverInit} [options] default: within 200 px of the viewport
 */
export function subscribeVisible(client, idOf, options = { rootMargin: "200px" }) {
  /** Ids of the elements in view; a user may be in view more than once. @type {Map<Element, string>} */
  const inView = new Map();

  const update = (/** @type {() => void} */ change) => {
    const before = new Set(inView.values());
    change();
    const after = new Set(inView.values());
    const came = [...after].filter((id) => !before.has(id));
    const went = [...before].filter((id) => !after.has(id));
    if (came.length > 0) client.subscribe(came);
    if (went.length > 0) client.unsubscribe(went);
  };
  const observer = new IntersectionObserver((entries) => {
    update(() => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) inView.set(target, idOf(target));
        else inView.delete(target);
      }
    });
  }, options);

  return {
    observe: (/** @type {Element} */ element) => observer.observe(element),
    unobserve(/** @type {Element} */ element) {
      observer.unobserve(element);
      update(() => inView.delete(element));
    },
    /** Unsubscribes from all. */
    stop() {
      observer.disconnect();
      update(() => inView.clear());
    },
  };
}
