/** @import { ClientFrame, Clock, ConnectionState, PresenceClientOptions, PresenceEvents, UserPresence } from "./types.d.ts" */
import { browserClock } from "./clock.js";
import { wakeWithPage } from "./page-life.js";

const PROTOCOL = "realchat.presence.v1.json";
const SESSION_REPLACED = 4000;
const LOGGED_OUT = 4001;
const TRY_AGAIN_LATER = 1013;
const TOKEN_REFUSED = 4401;

// The first try comes within the grace that the gateway gives a lost connection: nobody turns grey meanwhile.
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
// A gateway that is full, or finds us slow, is left alone for at least half of the longest wait of this attempt.
const LATER_ATTEMPT = 3;
// A connection that lived as long was a success: the next loss is a first one.
const PROVEN_MS = 10_000;
const ANSWER_MS = 5_000;
const IDS_PER_FRAME = 500;

/** One connection to a gateway, held up until it is closed, and what it tells of users. */
export class PresenceClient {
  #url;
  #token;
  /** @type {Clock} */
  #clock;
  /** @type {WebSocket | undefined} */
  #socket;
  #attempt = 0;
  #refused = false;
  // Each attempt has a number: whatever an earlier one still hears is nothing.
  #turn = 0;
  #cancelTimer = () => {};
  #cancelProbe = () => {};
  #stopWaking = () => {};
  /** @type {ConnectionState} */
  #state = { kind: "closed", code: 1000 };
  /** @type {Map<string, UserPresence>} */
  #users = new Map();
  /** @type {Set<string>} */
  #subscribed = new Set();
  #isFirstSnapshot = false;
  /** @type {{ [Name in keyof PresenceEvents]: Set<(detail: PresenceEvents[Name]) => void> }} */
  #listeners = { snapshot: new Set(), presence: new Set(), hidden: new Set(), state: new Set() };

  /** @param {PresenceClientOptions} options */
  constructor({ url, token, clock = browserClock }) {
    this.#url = url;
    this.#token = token;
    this.#clock = clock;
  }

  get state() {
    return this.#state;
  }

  /** What is known of a user; undefined: nothing. @param {string} id */
  get(id) {
    return this.#users.get(id);
  }

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

  /** Connects, unless it does or is already; and after a cut stays at it, ever less often. */
  connect() {
    if (this.#state.kind !== "closed") return;
    this.#stopWaking = wakeWithPage(this);
    this.#try();
  }

  /** Something tells that now is a good time: tries again without waiting, or looks whether the connection still lives. */
  wake() {
    if (this.#state.kind === "waiting") this.#try();
    else this.refresh();
  }

  /** Asks to see these users, beyond those whom the gateway shows by itself. @param {Iterable<string>} ids */
  subscribe(ids) {
    const users = [...ids];
    for (const id of users) this.#subscribed.add(id);
    this.#sendIds("subscribe", users);
  }

  /** @param {Iterable<string>} ids */
  unsubscribe(ids) {
    const users = [...ids];
    for (const id of users) {
      this.#subscribed.delete(id);
      this.#users.delete(id);
    }
    this.#sendIds("unsubscribe", users);
  }

  /**
   * Asks again how the users are, by default all who are known. A connection that does not answer is given up: after a
   * laptop slept, a browser may believe in a dead one for minutes.
   */
  refresh(ids = [...new Set([...this.#users.keys(), ...this.#subscribed])]) {
    if (this.#state.kind !== "open" || ids.length === 0) return;
    this.#sendIds("subscribe", ids);
    this.#cancelProbe();
    this.#cancelProbe = this.#clock.after(ANSWER_MS, () => this.#lost(1006));
  }

  /** Ends the session at once, for everyone to see. */
  logout() {
    this.#end(LOGGED_OUT);
  }

  /** Ends the connection; the session follows after the gateway's grace. */
  close() {
    this.#end(1000);
  }

  async #try() {
    const turn = this.#leave();
    this.#enter({ kind: "connecting" });
    let token = this.#token;
    try {
      if (typeof token === "function") token = await token(this.#refused);
    } catch {
      if (turn === this.#turn) this.#lost(1006);
      return;
    }
    if (turn !== this.#turn) return;
    const socket = new WebSocket(this.#url, token ? [PROTOCOL, `bearer.${token}`] : [PROTOCOL]);
    this.#socket = socket;
    socket.onopen = () => turn === this.#turn && this.#opened();
    socket.onmessage = ({ data }) => turn === this.#turn && this.#heard(JSON.parse(data));
    socket.onclose = ({ code }) => turn === this.#turn && this.#closed(code);
  }

  #opened() {
    this.#refused = false;
    this.#isFirstSnapshot = true;
    this.#cancelTimer = this.#clock.after(PROVEN_MS, () => {
      this.#attempt = 0;
    });
    this.#enter({ kind: "open" });
    this.#sendIds("subscribe", [...this.#subscribed]);
  }

  /** @param {any} frame */
  #heard({ type, users }) {
    this.#cancelProbe();
    if (type === "hidden") this.#hide(users);
    if (type !== "snapshot" && type !== "presence") return;
    if (type === "snapshot" && this.#isFirstSnapshot) this.#askForAbsent(users);
    // A snapshot of the version that is held may still tell more, such as another device.
    const slack = type === "snapshot" ? 0 : 1;
    const news = users.filter(
      (/** @type {UserPresence} */ { id, version }) => version >= (this.#users.get(id)?.version ?? 0) + slack,
    );
    for (const user of news) this.#users.set(user.id, user);
    if (news.length > 0) this.#tell(type, news);
  }

  /** Who was known and is not in the first snapshot after a cut may have been hidden meanwhile. */
  #askForAbsent(/** @type {UserPresence[]} */ users) {
    this.#isFirstSnapshot = false;
    const shown = new Set(users.map(({ id }) => id));
    const absent = [...this.#users.keys()].filter((id) => !shown.has(id) && !this.#subscribed.has(id));
    this.#sendIds("subscribe", absent);
  }

  #hide(/** @type {string[]} */ ids) {
    for (const id of ids) this.#users.delete(id);
    if (ids.length > 0) this.#tell("hidden", ids);
  }

  #closed(/** @type {number} */ code) {
    this.#refused ||= code === TOKEN_REFUSED;
    const canRenew = code === TOKEN_REFUSED && typeof this.#token === "function";
    // 44xx: the gateway does not accept who we are, and would not the next time.
    const isRefused = code >= 4400 && code < 4500 && !canRenew;
    if (isRefused || code === SESSION_REPLACED || code === LOGGED_OUT) this.#end(code);
    else this.#lost(code);
  }

  #lost(/** @type {number} */ code) {
    this.#leave();
    const isLater = code === TRY_AGAIN_LATER;
    if (isLater) this.#attempt = Math.max(this.#attempt, LATER_ATTEMPT);
    const longestMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempt++);
    const shortestMs = isLater ? longestMs / 2 : 0;
    // Full jitter: those who were cut off together do not come back together.
    const retryMs = shortestMs + this.#clock.random() * (longestMs - shortestMs);
    this.#enter({ kind: "waiting", retryMs, code });
    this.#cancelTimer = this.#clock.after(retryMs, () => this.#try());
  }

  #end(/** @type {number} */ code) {
    if (this.#state.kind === "closed") return;
    this.#leave(code);
    this.#stopWaking();
    this.#attempt = 0;
    this.#enter({ kind: "closed", code });
  }

  /** Drops the connection that there was. @returns the number of the next attempt */
  #leave(code = 1000) {
    this.#cancelTimer();
    this.#cancelProbe();
    this.#socket?.close(code);
    this.#socket = undefined;
    return ++this.#turn;
  }

  #enter(/** @type {ConnectionState} */ state) {
    this.#state = state;
    this.#tell("state", state);
  }

  /**
   * @template {keyof PresenceEvents} Name
   * @param {Name} name
   * @param {PresenceEvents[Name]} detail
   */
  #tell(name, detail) {
    for (const listener of this.#listeners[name]) listener(detail);
  }

  #sendIds(/** @type {"subscribe" | "unsubscribe"} */ type, /** @type {string[]} */ ids) {
    for (let from = 0; this.#state.kind === "open" && from < ids.length; from += IDS_PER_FRAME) {
      this.#socket?.send(JSON.stringify({ type, users: ids.slice(from, from + IDS_PER_FRAME) }));
    }
  }
}
