import type { Clock } from "@realchat/presence-runtime";
import { errors, jwtVerify } from "jose";
import type { Handshake } from "../handshake.ts";
import { wrongWithId } from "../ids.ts";
import type { Authentication, Authenticator } from "./authenticator.ts";
import type { Keys } from "./keys.ts";

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
export class TokenBearers implements Authenticator {
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
    const { keys, clock, issuer, audience } = this.#options;
    try {
      const { payload } = await jwtVerify(token, keys.key, {
        algorithms: [...keys.algorithms],
        currentDate: new Date(clock.nowUs() / 1000),
        clockTolerance: toleranceS,
        requiredClaims: ["sub"],
        ...(issuer !== undefined && { issuer }),
        ...(audience !== undefined && { audience }),
      });
      const userId = payload.sub ?? "";
      const wrong = wrongWithId(userId);
      if (wrong !== undefined) return { kind: "unauthenticated", message: `the token's sub ${wrong}` };
      return { kind: "user", userId, expiresAtMs: payload.exp === undefined ? undefined : payload.exp * 1000 };
    } catch (error) {
      return refusalOf(error);
    }
  }
}

const waysToSendOne = "send it as Authorization: Bearer …, as the sub-protocol bearer.…, or in the cookie";

function refusalOf(error: unknown): Authentication {
  // What is not about the token, such as keys that cannot be had, is not the client's fault.
  const isOurs = !(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout || isFetchFailure(error);
  if (isOurs) return { kind: "unavailable", message: "tokens cannot be checked at the moment: try again later" };
  return { kind: "unauthenticated", message: `the token is not valid: ${error.message}` };
}

/** jose says so with its general class when the key set's server answers with an error. */
function isFetchFailure(error: Error): boolean {
  return error instanceof errors.JOSEError && error.code === "ERR_JOSE_GENERIC";
}
