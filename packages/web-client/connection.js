/** @import { ClientFrame, Clock, PresenceClientOptions, ServerFrame } from "./types.d.ts" */
import { readFrame } from "./frame.js";
import { PresenceClientError } from "./presence-client-error.js";

const PROTOCOL = "realchat.presence.v1.json";
// RFC 9110 §5.6.2: what a sub-protocol may be made of. \x60 is the backtick.
const BEARER = /^[\w!#$%&'*+.^\x60|~-]+$/;

// WebSocket.OPEN, whatever the browser or a test has for a WebSocket.
const OPEN = 1;

/** Close codes: the connection broke off (RFC 6455 §7.1.5); it never began, and never will. */
export const LOST = 1006;
export const NEVER_BEGAN = 0;

/** RFC 6455 §7.4.1: something was sent that is malformed, against the rules or too big. It would be the same the next time. */
export const isFault = (/** @type {number} */ code) => code > 1006 && code < 1010;

// How long a token may take, and then the handshake.
const CONNECT_MS = 30_000;
// A gateway that has said nothing for QUIET_MS is pinged: within 40 s a dead connection is known as such.
const QUIET_MS = 25_000;
const ANSWER_MS = 10_000;

/**
 * One connection to a gateway, from its token to its end. It finds out by itself whether it still lives: a browser shows a page no
 * pings, and believes in a connection for minutes after the network is gone. Calls nobody before its constructor has returned, nor
 * after it was dropped.
 */
export class Connection {
  #options;
  /** @type {WebSocket | undefined} */
  #socket;
  #isOver = false;
  #answersPings = false;
  #isAsked = false;
  // One at a time: of the token, the handshake, the silence, or the answer.
  #cancelDeadline = () => {};
  #cancelFirstPing = () => {};

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {PresenceClientOptions["token"]} [options.token]
   * @param {boolean} options.refused the last token was
   * @param {Clock} options.clock
   * @param {() => void} options.opened
   * @param {(frame: ServerFrame) => void} options.heard
   * @param {(error: unknown) => void} options.garbled something was heard that is no frame
   * @param {(code: number, error: unknown, reason: string) => void} options.ended with the reason of the close frame
   */
  constructor(options) {
    this.#options = options;
    this.#begin();
  }

  /** Says nothing to a socket that the gateway is closing already: its end is about to be told. @param {ClientFrame} frame */
  send(frame) {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** Asks for a sign of life. A gateway that has never answered a ping is an older one, and is not held to it. */
  ask(withinMs = ANSWER_MS) {
    if (!this.#answersPings || this.#isAsked) return;
    this.send({ type: "ping" });
    this.expectAnswer(withinMs);
  }

  /** Something was asked that the gateway answers. What is asked while an answer is out does not put its deadline off. */
  expectAnswer(/** @type {number} */ withinMs) {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#after(withinMs, () => this.#end(LOST));
  }

  /** Ends it without a call. */
  drop(code = 1000) {
    this.#isOver = true;
    this.#cancelDeadline();
    this.#cancelFirstPing();
    const socket = this.#socket;
    if (!socket) return;
    // First: Node's WebSocket calls them from within close.
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close(code);
  }

  async #begin() {
    const { url, token, refused } = this.#options;
    this.#after(CONNECT_MS, () => this.#end(LOST));
    // Whoever made it has yet to get it.
    await undefined;
    if (this.#isOver) return;
    try {
      const text = await (typeof token === "function" ? token(refused) : token);
      if (!this.#isOver) this.#open(url, text);
    } catch (error) {
      this.#end(error instanceof PresenceClientError ? NEVER_BEGAN : LOST, error);
    }
  }

  /** @param {string} url @param {string | undefined} token */
  #open(url, token) {
    const socket = openSocket(url, token);
    this.#socket = socket;
    this.#after(CONNECT_MS, () => this.#end(LOST));
    socket.onopen = () => {
      // From now on its close says more.
      socket.onerror = null;
      // Whether it answers pings; after all that is asked because it is open. Newer gateways tell with the handshake.
      this.#cancelFirstPing = this.#options.clock.after(0, () => this.send({ type: "ping" }));
      this.#listen();
      this.#options.opened();
    };
    socket.onmessage = ({ data }) => this.#heard(data);
    socket.onclose = ({ code, reason }) => this.#end(code, faultOf(code, reason), reason);
    // Node 22 tells in no other way of a handshake that failed.
    socket.onerror = () => this.#end(LOST);
  }

  /** @param {string} text */
  #heard(text) {
    this.#listen();
    let frame;
    try {
      frame = readFrame(text);
    } catch (error) {
      return this.#options.garbled(new PresenceClientError("BAD_FRAME", "the gateway sent what is no frame", error));
    }
    if (frame.type === "pong") this.#answersPings = true;
    else this.#options.heard(frame);
  }

  /** Whatever was asked is answered. */
  #listen() {
    this.#isAsked = false;
    this.#after(QUIET_MS, () => this.ask());
  }

  /** @param {number} code @param {unknown} [error] @param {string} [reason] */
  #end(code, error, reason = "") {
    if (this.#isOver) return;
    this.drop();
    this.#options.ended(code, error, reason);
  }

  /** @param {number} delayMs @param {() => void} run */
  #after(delayMs, run) {
    this.#cancelDeadline();
    this.#cancelDeadline = this.#options.clock.after(delayMs, run);
  }
}

/** @param {number} code @param {string} reason */
function faultOf(code, reason) {
  if (!isFault(code)) return;
  return new PresenceClientError("BAD_FRAME", `the gateway closed with ${code} ${reason}: what was sent is wrong`);
}

/** @param {string} url @param {string | undefined} token */
function openSocket(url, token) {
  // Said without the token: an error ends in logs.
  if (token && !BEARER.test(token)) {
    throw new PresenceClientError("BAD_TOKEN", "the token has a character that none may have: give the JWT alone");
  }
  try {
    return new WebSocket(url, token ? [PROTOCOL, `bearer.${token}`] : [PROTOCOL]);
  } catch (error) {
    throw new PresenceClientError("BAD_URL", `no socket can be opened to ${url}: give a ws: or wss: address`, error);
  }
}
