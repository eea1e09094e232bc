/** @import { PresenceClientErrorCode } from "./types.d.ts" */

/** What the client itself finds wrong. */
export class PresenceClientError extends Error {
  /** @override */
  name = "PresenceClientError";

  /** @param {PresenceClientErrorCode} code @param {string} message @param {unknown} [cause] */
  constructor(code, message, cause) {
    super(message, { cause });
    this.code = code;
  }
}
