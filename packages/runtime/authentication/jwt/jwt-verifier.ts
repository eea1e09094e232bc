import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import type { Clock } from "../../clock.ts";
import { wrongWithId } from "../../ids.ts";
import { type Keys, KeysUnavailable } from "./verification-keys.ts";

interface JwtOptions {
  readonly keys: Keys;
  readonly clock: Clock;
  /** undefined: any. */
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
}

/** `unavailable`: whether it is good cannot be said at the moment, no fault of its bearer. */
export type JwtVerdict =
  | {
      readonly kind: "valid";
      /** An id as `wrongWithId` has it. */
      readonly subject: string;
      /** Wall clock, ms since 1970; undefined: does not expire. */
      readonly expiresAtMs: number | undefined;
      readonly claims: JWTPayload;
    }
  | { readonly kind: "invalid"; readonly message: string }
  | { readonly kind: "unavailable"; readonly message: string };

/** What the clocks of issuer and service may differ by. */
const toleranceS = 5;

/** Tells which JSON Web Tokens are valid. Never rejects. */
export class JwtVerifier {
  readonly #options: Omit<JwtOptions, "keys">;
  #keys: Keys;

  constructor({ keys, ...options }: JwtOptions) {
    this.#options = options;
    this.#keys = keys;
  }

  /** From now on tokens are checked with these. */
  replaceKeys(keys: Keys): void {
    this.#keys.close();
    this.#keys = keys;
  }

  async verify(token: string): Promise<JwtVerdict> {
    try {
      const claims = await this.#claimsOf(token);
      const { sub, exp } = claims;
      const wrong = wrongWithId(sub);
      if (wrong !== undefined) return { kind: "invalid", message: `the token's sub ${wrong}` };
      if (exp !== undefined && !Number.isFinite(exp)) {
        return { kind: "invalid", message: "the token's exp is beyond all numbers: give seconds since 1970" };
      }
      return { kind: "valid", subject: sub as string, expiresAtMs: exp === undefined ? undefined : exp * 1000, claims };
    } catch (error) {
      return verdictOn(error);
    }
  }

  /** @throws KeysUnavailable; or whatever says what is wrong with the token */
  async #claimsOf(token: string): Promise<JWTPayload> {
    const { clock, issuer, audience } = this.#options;
    const keys = this.#keys;
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

/**
 * Whatever is thrown over a token is the token's fault, and told as final, since it will be the same the next time; all
 * but keys that cannot be had.
 */
function verdictOn(error: unknown): JwtVerdict {
  if (error instanceof KeysUnavailable) {
    return { kind: "unavailable", message: "tokens cannot be checked at the moment: try again later" };
  }
  const why = error instanceof Error ? error.message : String(error);
  return { kind: "invalid", message: `the token is not valid: ${why}` };
}
