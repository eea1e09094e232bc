import { createSecretKey, type KeyObject } from "node:crypto";
import { type CryptoKey, importSPKI, importX509 } from "jose";
import type { Clock } from "../../clock.ts";
import { type Algorithm, asymmetric } from "./algorithms.ts";
import { IssuerKeys } from "./issuer-keys.ts";
import type { KeySource } from "./key-source.ts";
import type { Keys } from "./verification-keys.ts";

/** @throws Error when a PEM holds no key that signs with one of these algorithms */
export async function openKeys(
  source: KeySource,
  clock: Clock,
  onRefreshFailure: (error: unknown) => void,
): Promise<Keys> {
  switch (source.kind) {
    case "secret":
      return oneKey(createSecretKey(source.secret, "utf8"), "HS256");
    case "pem": {
      const { key, algorithm } = await importPem(source.pem);
      return oneKey(key, algorithm);
    }
    case "jwks":
      return new IssuerKeys(source, clock, onRefreshFailure);
  }
}

function oneKey(key: CryptoKey | KeyObject, algorithm: string): Keys {
  return {
    algorithms: [algorithm],
    async *fitting() {
      yield key;
    },
    close() {},
  };
}

async function importPem(pem: string): Promise<{ key: CryptoKey; algorithm: Algorithm }> {
  const isCertificate = pem.includes("BEGIN CERTIFICATE");
  for (const algorithm of asymmetric) {
    try {
      const key = await (isCertificate ? importX509(pem, algorithm) : importSPKI(pem, algorithm));
      return { key, algorithm };
    } catch {
      // A key of another kind: the next algorithm may be its own.
    }
  }
  throw new Error(
    "the public key of tokens is none for RS256, ES256 or EdDSA: give an RSA, P-256 or Ed25519 public key",
  );
}
