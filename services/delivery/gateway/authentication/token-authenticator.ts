import type { JwtVerifier } from "@realchat/presence-runtime/authentication";
import type { Handshake } from "../handshake.ts";
import type { Authentication, Authenticator } from "./authenticator.ts";

/** Takes whoever brings a valid JWT for its subject. */
export class TokenAuthenticator implements Authenticator {
  readonly needsToken = true;
  readonly #tokens: Pick<JwtVerifier, "verify">;

  constructor(tokens: Pick<JwtVerifier, "verify">) {
    this.#tokens = tokens;
  }

  async authenticate({ token, userId }: Handshake): Promise<Authentication> {
    if (token === undefined) return { kind: "unauthenticated", message: `no token: ${waysToSendOne}` };
    const verdict = await this.#tokens.verify(token);
    if (verdict.kind === "invalid") return { kind: "unauthenticated", message: verdict.message };
    if (verdict.kind === "unavailable") return verdict;
    const { subject, expiresAtMs } = verdict;
    if (userId !== undefined && userId !== subject) {
      return { kind: "forbidden", message: "user_id is not the token's subject: leave it out" };
    }
    return { kind: "user", userId: subject, expiresAtMs };
  }
}

const waysToSendOne = "send it as Authorization: Bearer …, as the sub-protocol bearer.…, or in the cookie";
