/** @import { Clock, ConnectionState, OwnStatus, Policy, PresenceClientOptions, PresenceEvents, ServerFrame, UserPresence } from "./types.d.ts" */
import { browserClock } from "./clock.js";
import { Connection, isFault, LOST, NEVER_BEGAN } from "./connection.js";
import { watchIdleness } from "./idleness.js";
import { Listeners } from "./listeners.js";
import { Oneself } from "./oneself.js";
import { wakeWithPage } from "./page-life.js";
import { transitions } from "./transitions.js";

const SESSION_REPLACED = 4000;
const LOGGED_OUT = 4001;
const CLOSED_BY_OPERATOR = 4003;
const TRY_AGAIN_LATER = 1013;
const TOKEN_REFUSED = 4401;

// The first try comes within the grace that the gateway gives a lost connection: nobody turns grey meanwhile.
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
// A gateway that is full, or finds us slow, is left alone for at least half of the longest wait of this attempt.
const LATER_ATTEMPT = 3;
// A connection that lived as long was a success: the next loss is a first one.
const PROVEN_MS = 10_000;
// Somebody waits: sooner than for the sign of life of a connection that is quiet.
const ANSWER_MS = 5_000;
const IDS_PER_FRAME = 500;
// How long an operator keeps us away: then a client may come back. Without, it is for good.
const BLOCKED_FOR = /^closed for (\d{1,7}) s:/;
// Timers take no more.
const LONGEST_WAIT_MS = 2 ** 31 - 1;

/** A connection to a gateway, held up until it is closed, and what it tells of users. */
export class PresenceClient {
  #options;
  /** @type {Clock} */
  #clock;
  /** @type {ConnectionState} */
  #state = { kind: "closed", code: 1000 };
  // While connecting and open.
  /** @type {Connection | undefined} */
  #connection;
  // While open, until it has proven itself; while waiting, until it tries again.
  #cancelTimer = () => {};
  /** Of the page, until it is closed. @type {(() => void)[]} */
  #watches = [];
  #attempt = 0;
  #refused = false;
  // While waiting: how long an operator keeps us away, ms.
  #blockedMs = 0;
  /** @type {Map<string, UserPresence>} */
  #users = new Map();
  /** @type {Set<string>} */
  #subscribed = new Set();
  // Of this connection: that the gateway has told how things are, and that it says that it may not know.
  #hasSnapshot = false;
  #isPresenceAway = false;
  #toldStale = true;
  #oneself;
  #listeners = new Listeners();

  /** @param {PresenceClientOptions} options */
  constructor(options) {
    this.#options = options;
    this.#clock = options.clock ?? browserClock;
    this.#oneself = new Oneself(this.#clock, (frame) => this.#connection?.send(frame));
  }

  get state() {
    return this.#state;
  }

  /** Whether what is known may be out of date: there is no connection, it has yet to tell, or the gateway says so. */
  get stale() {
    return this.#state.kind !== "open" || !this.#hasSnapshot || this.#isPresenceAway;
  }

  /** What is known of a user; undefined: nothing. @param {string} id */
  get(id) {
    return this.#users.get(id);
  }

  /** Oneself, as the gateway last told; undefined: it has not yet. */
  get self() {
    return this.#oneself.self;
  }

  /**
   * @template {keyof PresenceEvents} Name
   * @param {Name} name
   * @param {(detail: PresenceEvents[Name]) => void} listener
   * @returns {() => void} ends it
   */
  on(name, listener) {
    return this.#listeners.on(name, listener);
  }

  /** Connects, unless it does or is already; and after a cut stays at it, ever less often. */
  connect() {
    this.#go("connect");
  }

  /** Something tells that now is a good time: tries again without waiting, or looks whether the connection still lives. */
  wake() {
    if (this.#blockedMs === 0) this.#go("again");
    this.refresh();
    // When nobody is known, that asked nothing.
    this.#connection?.ask(ANSWER_MS);
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

  /** Asks again how the users are, by default all who are known. A connection that does not answer is given up. */
  refresh(ids = [...new Set([...this.#users.keys(), ...this.#subscribed])]) {
    if (this.#state.kind !== "open" || ids.length === 0) return;
    this.#sendIds("subscribe", ids);
    this.#connection?.expectAnswer(ANSWER_MS);
  }

  /** Says how one is, instead of what one said before. Without a connection: as soon as there is one. @param {OwnStatus} status */
  setStatus(status) {
    this.#oneself.say(status);
  }

  clearStatus() {
    this.#oneself.say({ clear: true });
  }

  /** Changes what is named of who may see what; without a connection as soon as there is one. @param {Partial<Policy>} policy */
  setPrivacy(policy) {
    this.#oneself.setPrivacy(policy);
  }

  /** Ends the session at once, for everyone to see; without a connection it ends as after a cut. */
  logout() {
    this.#go("end", LOGGED_OUT);
  }

  /** Ends the connection; the session follows after the gateway's grace. */
  close() {
    this.#go("end", 1000);
  }

  /**
   * From one state to the next, with all that belongs to it; then those who listen are told.
   * @param {string} event
   * @param {number} [code] why, when a connection ends
   * @param {unknown} [error] why, when it never began or the fault was ours
   */
  #go(event, code = LOST, error) {
    const kind = transitions[this.#state.kind][event];
    if (!kind) return;
    const why = { code, ...(error !== undefined && { error }) };
    this.#cancelTimer();
    if (event === "again") this.#blockedMs = 0;
    if (event === "connect") this.#watchPage();
    if (kind === "connecting") {
      this.#state = { kind };
      this.#connection = this.#newConnection();
    } else if (kind === "open") {
      this.#state = { kind };
      this.#opened();
    } else if (kind === "waiting") {
      this.#state = { kind, retryMs: this.#retryMs(code), ...why };
      this.#cancelTimer = this.#clock.after(this.#state.retryMs, () => this.#go("again"));
    } else {
      this.#state = { kind, ...why };
      this.#attempt = 0;
      for (const end of this.#watches) end();
    }
    if (kind === "waiting" || kind === "closed") this.#drop(code);
    this.#listeners.tell("state", this.#state);
    this.#tellStale();
  }

  #watchPage() {
    const { idle } = this.#options;
    this.#watches = [wakeWithPage(this), watchIdleness(this.#clock, this.#oneself.setIdle, idle)];
  }

  #newConnection() {
    return new Connection({
      ...this.#options,
      refused: this.#refused,
      clock: this.#clock,
      opened: () => this.#go("opened"),
      heard: (frame) => this.#heard(frame),
      garbled: (error) => this.#listeners.tell("error", error),
      ended: (code, error, reason) => this.#ended(code, error, reason),
    });
  }

  #drop(/** @type {number} */ code) {
    this.#connection?.drop(code === LOGGED_OUT ? code : 1000);
    this.#connection = undefined;
    this.#hasSnapshot = this.#isPresenceAway = false;
  }

  #opened() {
    this.#refused = false;
    this.#cancelTimer = this.#clock.after(PROVEN_MS, () => {
      this.#attempt = 0;
    });
    this.#sendIds("subscribe", [...this.#subscribed]);
    this.#oneself.opened();
  }

  /** @param {number} code @param {unknown} error @param {string} reason of the close frame */
  #ended(code, error, reason) {
    this.#refused ||= code === TOKEN_REFUSED;
    const canRenew = code === TOKEN_REFUSED && typeof this.#options.token === "function";
    // 44xx: the gateway does not accept who we are, and would not the next time.
    const isRefused = code >= 4400 && code < 4500 && !canRenew;
    const isOver = code === SESSION_REPLACED || code === LOGGED_OUT || code === NEVER_BEGAN;
    this.#blockedMs = code === CLOSED_BY_OPERATOR ? Number(BLOCKED_FOR.exec(reason)?.[1] ?? 0) * 1_000 : 0;
    const isKeptAway = code === CLOSED_BY_OPERATOR && this.#blockedMs === 0;
    const isFinal = isRefused || isOver || isKeptAway || isFault(code);
    this.#go(isFinal ? "end" : "lost", code, error);
  }

  /** @param {number} code */
  #retryMs(code) {
    if (this.#blockedMs > 0) return Math.min(this.#blockedMs + this.#clock.random() * FIRST_RETRY_MS, LONGEST_WAIT_MS);
    const isLater = code === TRY_AGAIN_LATER;
    if (isLater) this.#attempt = Math.max(this.#attempt, LATER_ATTEMPT);
    const longestMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempt++);
    const shortestMs = isLater ? longestMs / 2 : 0;
    // Full jitter: those who were cut off together do not come back together.
    return shortestMs + this.#clock.random() * (longestMs - shortestMs);
  }

  /** @param {ServerFrame} frame */
  #heard(frame) {
    if (frame.type === "hidden") this.#hide(frame.users);
    if (frame.type === "snapshot" || frame.type === "presence") this.#learn(frame.type, frame.users);
    if (frame.type === "stale") this.#isPresenceAway = frame.stale === true;
    if (frame.type === "self") this.#listeners.tell("self", this.#oneself.hear(frame));
    if (frame.type === "refused") this.#listeners.tell("refused", this.#oneself.hearRefusal(frame));
    this.#tellStale();
  }

  /** @param {"snapshot" | "presence"} type @param {readonly UserPresence[]} users */
  #learn(type, users) {
    if (type === "snapshot" && !this.#hasSnapshot) this.#askForAbsent(users);
    // A snapshot of the version that is held may still tell more, such as another device.
    const slack = type === "snapshot" ? 0 : 1;
    const news = users.filter(({ id, version }) => version >= (this.#users.get(id)?.version ?? 0) + slack);
    for (const user of news) this.#users.set(user.id, user);
    if (news.length > 0) this.#listeners.tell(type, news);
  }

  /** Who was known and is not in the first snapshot after a cut may have been hidden meanwhile. */
  #askForAbsent(/** @type {readonly UserPresence[]} */ users) {
    this.#hasSnapshot = true;
    const shown = new Set(users.map(({ id }) => id));
    const absent = [...this.#users.keys()].filter((id) => !shown.has(id) && !this.#subscribed.has(id));
    this.#sendIds("subscribe", absent);
  }

  #hide(/** @type {readonly string[]} */ ids) {
    for (const id of ids) this.#users.delete(id);
    if (ids.length > 0) this.#listeners.tell("hidden", ids);
  }

  #tellStale() {
    if (this.stale === this.#toldStale) return;
    this.#toldStale = this.stale;
    this.#listeners.tell("stale", this.stale);
  }

  #sendIds(/** @type {"subscribe" | "unsubscribe"} */ type, /** @type {string[]} */ ids) {
    for (let from = 0; this.#state.kind === "open" && from < ids.length; from += IDS_PER_FRAME) {
      this.#connection?.send({ type, users: ids.slice(from, from + IDS_PER_FRAME) });
    }
  }
}
