import type { KeyObject } from "node:crypto";
import type { CryptoKey, JWSHeaderParameters } from "jose";

/** The port to the keys that tokens are checked with. */
export interface Keys {
  /** What those keys are for: nobody may pass a public key off as a shared secret. */
  readonly algorithms: readonly string[];
  /**
   * Those that a token with this header may be signed with, the likeliest first. Newer ones are asked for only when the
   * caller has use for more than are known.
   * @throws KeysUnavailable when none is known, and none can be had at the moment
   */
  fitting(header: JWSHeaderParameters): AsyncIterable<CryptoKey | KeyObject>;
  close(): void;
}

/** Whether a token is good cannot be said at the moment: no fault of its bearer. */
export class KeysUnavailable extends Error {
  override readonly name = "KeysUnavailable";
}
