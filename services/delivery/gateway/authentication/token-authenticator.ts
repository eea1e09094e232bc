import type { JwtVerifier } from "@realchat/presence-runtime/authentication";
import type { Handshake } from "../handshake.ts";
import type { Authentication, Authenticator } from "./authenticator.ts";
import { rolesIn } from "./roles-in.ts";

interface RolesOfTokens {
  /** The claim that has them; see rolesIn. */
  readonly claim: string;
  /** Those that make a difference. */
  readonly known: ReadonlySet<string>;
}

/** Takes whoever brings a valid JWT for its subject. */
export class TokenAuthenticator implements Authenticator {
  readonly needsToken = true;
  readonly #tokens: Pick<JwtVerifier, "verify">;
  readonly #roles: RolesOfTokens;

  constructor(tokens: Pick<JwtVerifier, "verify">, roles: RolesOfTokens) {
    this.#tokens = tokens;
    this.#roles = roles;
  }

  async authenticate({ token, userId }: Handshake): Promise<Authentication> {
    if (token === undefined) return { kind: "unauthenticated", message: `no token: ${waysToSendOne}` };
    const verdict = await this.#tokens.verify(token);
    if (verdict.kind === "invalid") return { kind: "unauthenticated", message: verdict.message };
    if (verdict.kind === "unavailable") return verdict;
    const { subject, expiresAtMs, claims } = verdict;
    if (userId !== undefined && userId !== subject) {
      return { kind: "forbidden", message: "user_id is not the token's subject: leave it out" };
    }
    const { claim, known } = this.#roles;
    return { kind: "user", userId: subject, roles: rolesIn(claims, claim, known), expiresAtMs };
  }
}

const waysToSendOne = "send it as Authorization: Bearer …, as the sub-protocol bearer.…, or in the cookie";
