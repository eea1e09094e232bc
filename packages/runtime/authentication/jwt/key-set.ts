import { type CryptoKey, importJWK, type JSONWebKeySet, type JWK, type JWSHeaderParameters } from "jose";
import type { Algorithm } from "./algorithms.ts";

/** A key of an issuer's set that tokens can be checked with. */
export interface SetKey {
  readonly kid: unknown;
  readonly algorithm: Algorithm;
  readonly key: CryptoKey;
}

/** More are left out: the more fit a token, the longer it takes to check. */
const keysMax = 100;

/** RFC 7518 §3.3: RS256 takes no shorter ones. */
const rsaMinBits = 2_048;

/** Those of a set's keys that are of use here; one that is not does not speak against the others. */
export async function usableKeys({ keys }: JSONWebKeySet): Promise<SetKey[]> {
  const usable = await Promise.all(keys.slice(0, keysMax).map(usableKey));
  return usable.filter((key) => key !== undefined);
}

async function usableKey(jwk: JWK): Promise<SetKey | undefined> {
  const algorithm = algorithmOf(jwk);
  if (algorithm === undefined) return undefined;
  const { kty, crv, n, e, x, y } = jwk;
  try {
    const key = (await importJWK({ kty, crv, n, e, x, y } as JWK, algorithm)) as CryptoKey;
    const { modulusLength = rsaMinBits } = key.algorithm as { modulusLength?: number };
    return modulusLength < rsaMinBits ? undefined : { kid: jwk.kid, algorithm, key };
  } catch {
    // Its numbers are no key.
    return undefined;
  }
}

/** RFC 7517 §4.2 to §4.4: what the key is meant for, as far as it says so. */
function algorithmOf({ kty, crv, use, key_ops, alg }: JWK): Algorithm | undefined {
  const isForSignatures = (use ?? "sig") === "sig" && (key_ops?.includes?.("verify") ?? true);
  const algorithm = kty === "RSA" ? "RS256" : byCurve[String(crv)];
  // RFC 9864 has a name of its own for what EdDSA is with this curve.
  const named = alg === "Ed25519" ? "EdDSA" : alg;
  return isForSignatures && (named ?? algorithm) === algorithm ? algorithm : undefined;
}

const byCurve: Readonly<Record<string, Algorithm | undefined>> = { "P-256": "ES256", Ed25519: "EdDSA" };

/** Those that a token with this header may be signed with, one of its own name first. */
export function keysFitting(keys: readonly SetKey[], { alg, kid }: JWSHeaderParameters): SetKey[] {
  const fitting = keys.filter((key) => key.algorithm === alg);
  const named = kid === undefined ? [] : fitting.filter((key) => key.kid === kid);
  // RFC 7517 §4.5: a name is a help to choose. Where one of the two has none, nothing speaks against the key.
  return [...named, ...fitting.filter((key) => kid === undefined || key.kid === undefined)];
}
