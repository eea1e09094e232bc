import type { KeySource } from "../authentication/jwt/key-source.ts";
import { secret, text, url } from "./kinds.ts";
import { publicKeyFile } from "./pem-file.ts";
import { live, type Values } from "./setting.ts";
import { duration } from "./units.ts";

const second = 1_000;
const hour = 3_600 * second;

/** How JSON Web Tokens are checked. */
export const jwtSettings = {
  JWT_SECRET: { kind: live(secret), meaning: "shared secret of HS256 tokens" },
  JWT_PUBLIC_KEY: { kind: live(publicKeyFile), meaning: "public key of RS256, ES256 or EdDSA tokens (PEM)" },
  JWKS_URL: { kind: url(["https", "http"]), meaning: "key set of RS256, ES256 or EdDSA tokens" },
  JWKS_REFRESH: {
    kind: duration({ min: second, max: 24 * hour }),
    default: "10m",
    meaning: "how often the key set is read anew",
  },
  JWT_ISSUER: { kind: text({ maxBytes: 1_024 }), default: { meaning: "any" }, meaning: "iss that tokens must have" },
  JWT_AUDIENCE: { kind: text({ maxBytes: 1_024 }), default: { meaning: "any" }, meaning: "aud that tokens must have" },
} as const;

export type JwtValues = Values<typeof jwtSettings>;

export interface JwtConfig {
  readonly keys: KeySource;
  /** undefined: any. */
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
}

/** What does not go together, one sentence each. @param prefix of the settings' names */
export function* jwtConflicts({ JWT_SECRET, JWT_PUBLIC_KEY, JWKS_URL }: JwtValues, prefix = ""): Iterable<string> {
  const given = Object.entries({ JWT_SECRET, JWT_PUBLIC_KEY, JWKS_URL }).filter(([, value]) => value !== undefined);
  if (given.length > 1) {
    const names = given.map(([name]) => prefix + name);
    yield `${names.join(" and ")} are set: give the one that tokens are signed with`;
  }
  // RFC 7518 §3.2: the key of HS256 has at least the size of the hash.
  if (JWT_SECRET !== undefined && Buffer.byteLength(JWT_SECRET) < 32) {
    const bytes = Buffer.byteLength(JWT_SECRET);
    yield `${prefix}JWT_SECRET has ${bytes} bytes: give at least 32, it can be guessed otherwise`;
  }
}

/** @returns undefined without a key */
export function jwtConfig(values: JwtValues): JwtConfig | undefined {
  const keys = keySource(values);
  return keys && { keys, issuer: values.JWT_ISSUER, audience: values.JWT_AUDIENCE };
}

function keySource({ JWT_SECRET, JWT_PUBLIC_KEY, JWKS_URL, JWKS_REFRESH }: JwtValues): KeySource | undefined {
  if (JWT_SECRET !== undefined) return { kind: "secret", secret: JWT_SECRET };
  if (JWT_PUBLIC_KEY !== undefined) return { kind: "pem", pem: JWT_PUBLIC_KEY.pem };
  return JWKS_URL && { kind: "jwks", url: JWKS_URL, refreshMs: JWKS_REFRESH };
}
