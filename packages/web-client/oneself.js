/** @import { Said } from "./own-claim.js" */
/** @import { ClientFrame, Clock, OwnStatus, Policy, Refusal, Self, StatusFrame } from "./types.d.ts" */
import { lostOf } from "./own-claim.js";

/** What the user tells a gateway of oneself, once it can hear: status, privacy, and whether this browser is used. */
export class Oneself {
  #clock;
  #send;
  /** @type {Said | undefined} */
  #said;
  /** What was changed of it, until the gateway tells that it is so. @type {Partial<Policy> | undefined} */
  #policy;
  // 0: somebody uses this browser; undefined: nobody knows.
  /** @type {number | undefined} */
  #idleSinceMs;
  // Of this connection.
  #isTold = false;

  /** As the gateway last told. @type {Self | undefined} */
  self;

  /** @param {Clock} clock @param {(frame: ClientFrame) => void} send loses it where there is no connection */
  constructor(clock, send) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Before the gateway has told of oneself it waits, and is said then. @param {OwnStatus | { clear: true }} status */
  say(status) {
    /** @type {StatusFrame} */
    const frame = { type: "status", ...status };
    this.#said = { frame, saidMs: this.#clock.now(), isHeard: false };
    if (this.#isTold) this.#send(frame);
  }

  setPrivacy(/** @type {Partial<Policy>} */ policy) {
    this.#policy = { ...this.#policy, ...policy };
    this.#sayPolicy();
  }

  setIdle = (/** @type {number} */ sinceMs) => {
    if (sinceMs === this.#idleSinceMs) return;
    this.#idleSinceMs = sinceMs;
    this.#sayActivity();
  };

  /** There is a new connection. */
  opened() {
    this.#isTold = false;
    this.#sayPolicy();
    this.#sayActivity();
  }

  /** What the gateway tells of oneself. @param {Self & { type?: "self" }} frame */
  hear({ type, ...self }) {
    const lost = !this.#isTold && this.#said && lostOf(this.#said, self, this.#clock.now());
    if (lost) this.#send(lost);
    else if (this.#said) this.#said.isHeard = true;
    // The first one may be older than what was set since.
    if (this.#isTold) this.#policy = undefined;
    this.#isTold = true;
    this.self = self;
    return self;
  }

  /** What it did not take. @param {Refusal & { type?: "refused" }} frame */
  hearRefusal({ type, ...refusal }) {
    if (refusal.what === "status") this.#said = undefined;
    if (refusal.what === "privacy") this.#policy = undefined;
    return refusal;
  }

  #sayPolicy() {
    if (this.#policy) this.#send({ type: "privacy", ...this.#policy });
  }

  #sayActivity() {
    const sinceMs = this.#idleSinceMs;
    if (sinceMs === undefined) return;
    this.#send({ type: "activity", idle: sinceMs > 0, age: sinceMs && this.#clock.now() - sinceMs });
  }
}
