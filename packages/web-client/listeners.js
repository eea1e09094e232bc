/** @import { PresenceEvents } from "./types.d.ts" */
import { report } from "./report.js";

/**
 * Who listens to a client. Everybody is told everything in the order in which it happened: what a listener causes is told when all
 * have been told of what went before. A listener that throws keeps nothing from the others.
 */
export class Listeners {
  /** @type {{ [Name in keyof PresenceEvents]: Set<(detail: PresenceEvents[Name]) => void> }} */
  #listeners = {
    snapshot: new Set(),
    presence: new Set(),
    hidden: new Set(),
    self: new Set(),
    refused: new Set(),
    state: new Set(),
    stale: new Set(),
    error: new Set(),
  };
  /** What is being told, and what is to be told after it. @type {(() => void)[]} */
  #queue = [];

  /**
   * @template {keyof PresenceEvents} Name
   * @param {Name} name
   * @param {(detail: PresenceEvents[Name]) => void} listener
   * @returns {() => void} ends it
   */
  on(name, listener) {
    this.#listeners[name].add(listener);
    return () => void this.#listeners[name].delete(listener);
  }

  /**
   * @template {keyof PresenceEvents} Name
   * @param {Name} name
   * @param {PresenceEvents[Name]} detail
   */
  tell(name, detail) {
    this.#queue.push(() => this.#tellAll(name, detail));
    if (this.#queue.length > 1) return;
    for (; this.#queue[0]; this.#queue.shift()) this.#queue[0]();
  }

  /**
   * @template {keyof PresenceEvents} Name
   * @param {Name} name
   * @param {PresenceEvents[Name]} detail
   */
  #tellAll(name, detail) {
    const listeners = this.#listeners[name];
    // A copy: who begins to listen meanwhile hears the next one. And whoever ended it meanwhile, nothing.
    for (const listener of [...listeners]) {
      try {
        if (listeners.has(listener)) listener(detail);
      } catch (error) {
        if (name !== "error" && this.#listeners.error.size > 0) this.tell("error", error);
        else report(error);
      }
    }
  }
}
