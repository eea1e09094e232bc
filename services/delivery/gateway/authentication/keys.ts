import { createSecretKey } from "node:crypto";
import type { Clock } from "@realchat/presence-runtime";
import { createRemoteJWKSet, importSPKI, importX509, type JWTVerifyGetKey } from "jose";
import type { KeySource } from "./key-source.ts";

export interface Keys {
  readonly key: JWTVerifyGetKey;
  /** What those keys are for: nobody may pass a public key off as a shared secret. */
  readonly algorithms: readonly string[];
  close(): void;
}

const asymmetric = ["RS256", "ES256", "EdDSA"] as const;

/** @throws Error when a PEM holds no key that signs with one of these algorithms */
export async function openKeys(
  source: KeySource,
  clock: Clock,
  onRefreshFailure: (error: unknown) => void,
): Promise<Keys> {
  switch (source.kind) {
    case "secret": {
      const key = createSecretKey(source.secret, "utf8");
      return { key: async () => key, algorithms: ["HS256"], close() {} };
    }
    case "pem": {
      const { key, algorithm } = await importPem(source.pem);
      return { key: async () => key, algorithms: [algorithm], close() {} };
    }
    case "jwks":
      return remoteKeys(source, clock, onRefreshFailure);
  }
}

/**
 * Keys from the issuer, kept until newer ones came: read anew every now and then, and when a token names a key that is
 * not among them. While the issuer is away, the keys that it gave last go on counting.
 */
function remoteKeys(
  { url, refreshMs }: Extract<KeySource, { kind: "jwks" }>,
  clock: Clock,
  onRefreshFailure: (error: unknown) => void,
): Keys {
  const keys = createRemoteJWKSet(url, { cacheMaxAge: Number.POSITIVE_INFINITY, timeoutDuration: 5_000 });
  const refresh = () => void keys.reload().catch(onRefreshFailure);
  refresh();
  return { key: keys, algorithms: asymmetric, close: clock.every(refreshMs, refresh) };
}

async function importPem(pem: string) {
  const isCertificate = pem.includes("BEGIN CERTIFICATE");
  for (const algorithm of asymmetric) {
    try {
      const key = await (isCertificate ? importX509(pem, algorithm) : importSPKI(pem, algorithm));
      return { key, algorithm };
    } catch {
      // A key of another kind: the next algorithm may be its own.
    }
  }
  throw new Error("JWT_PUBLIC_KEY is no key for RS256, ES256 or EdDSA: give an RSA, P-256 or Ed25519 public key");
}
