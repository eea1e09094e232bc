import { type Clock, wrongWithId } from "@realchat/presence-runtime";
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import type { Handshake } from "../handshake.ts";
import type { Authentication, Authenticator } from "./authenticator.ts";
import { type Keys, KeysUnavailable } from "./verification-keys.ts";

interface TokenOptions {
  readonly keys: Keys;
  readonly clock: Clock;
  /** undefined: any. */
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
}

/** What the clocks of issuer and gateway may differ by. */
const toleranceS = 5;

/** Takes whoever brings a valid JWT for its subject. */
export class TokenAuthenticator implements Authenticator {
  readonly needsToken = true;
  readonly #options: TokenOptions;

  constructor(options: TokenOptions) {
    this.#options = options;
  }

  async authenticate({ token, userId }: Handshake): Promise<Authentication> {
    if (token === undefined) return { kind: "unauthenticated", message: `no token: ${waysToSendOne}` };
    const outcome = await this.#verify(token);
    if (outcome.kind !== "user") return outcome;
    if (userId !== undefined && userId !== outcome.userId) {
      return { kind: "forbidden", message: "user_id is not the token's subject: leave it out" };
    }
    return outcome;
  }

  async #verify(token: string): Promise<Authentication> {
    try {
      const { sub, exp } = await this.#payloadOf(token);
      const wrong = wrongWithId(sub);
      if (wrong !== undefined) return { kind: "unauthenticated", message: `the token's sub ${wrong}` };
      if (exp !== undefined && !Number.isFinite(exp)) {
        return { kind: "unauthenticated", message: "the token's exp is beyond all numbers: give seconds since 1970" };
      }
      return { kind: "user", userId: sub as string, expiresAtMs: exp === undefined ? undefined : exp * 1000 };
    } catch (error) {
      return refusalOf(error);
    }
  }

  /** @throws KeysUnavailable; or whatever says what is wrong with the token */
  async #payloadOf(token: string): Promise<JWTPayload> {
    const { keys, clock, issuer, audience } = this.#options;
    const header = decodeProtectedHeader(token);
    if (!keys.algorithms.includes(String(header.alg))) {
      throw new Error(`alg is ${String(header.alg)}, here tokens are signed with ${keys.algorithms.join(", ")}`);
    }
    let failure: unknown = new Error("no key of the issuer's fits it");
    for await (const key of keys.fitting(header)) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [...keys.algorithms],
          currentDate: new Date(clock.nowUs() / 1000),
          clockTolerance: toleranceS,
          requiredClaims: ["sub"],
          ...(issuer !== undefined && { issuer }),
          ...(audience !== undefined && { audience }),
        });
        return payload;
      } catch (error) {
        // Another key may be the one; all else is wrong with any of them.
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
        failure = error;
      }
    }
    throw failure;
  }
}

const waysToSendOne = "send it as Authorization: Bearer …, as the sub-protocol bearer.…, or in the cookie";

/**
 * Whatever is thrown over a token is the token's fault, and told as final, since it will be the same the next time; all
 * but keys that cannot be had.
 */
function refusalOf(error: unknown): Authentication {
  if (error instanceof KeysUnavailable) {
    return { kind: "unavailable", message: "tokens cannot be checked at the moment: try again later" };
  }
  const why = error instanceof Error ? error.message : String(error);
  return { kind: "unauthenticated", message: `the token is not valid: ${why}` };
}
