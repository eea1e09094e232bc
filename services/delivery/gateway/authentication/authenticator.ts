import type { Handshake } from "../handshake.ts";

/** The port to who a client is. */
export interface Authenticator {
  /** Whether a request alone opens nothing: its sender has to bring what only the user has. */
  readonly needsToken: boolean;
  authenticate(handshake: Handshake): Promise<Authentication>;
}

export type Authentication =
  | {
      readonly kind: "user";
      readonly userId: string;
      /** Of those that make a difference; absent: none. */
      readonly roles?: ReadonlySet<string>;
      /** Wall clock, ms since 1970; undefined: does not expire. */
      readonly expiresAtMs: number | undefined;
    }
  | { readonly kind: "unauthenticated" | "forbidden" | "bad_request" | "unavailable"; readonly message: string };
