import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { ValueKind } from "./setting.ts";

export interface PemFile {
  readonly path: string;
  /** The whole text of the file. */
  readonly pem: string;
}

/** Path of a file with one or more certificates (PEM, RFC 7468); read and checked at start. */
export const certificateFile = pemFile("certificate", (pem) => new X509Certificate(pem));

/** Path of a file with an unencrypted private key (PEM); read and checked at start. */
export const privateKeyFile = pemFile("private key", (pem) => createPrivateKey(pem));

/** Path of a file with a public key, or with the certificate that has it (PEM); read and checked at start. */
export const publicKeyFile = pemFile("public key", (pem) => createPublicKey(pem));

/** Whether the key belongs to the (first) certificate. */
export function isKeyOf(key: PemFile, certificate: PemFile): boolean {
  return new X509Certificate(certificate.pem).checkPrivateKey(createPrivateKey(key.pem));
}

function pemFile(content: string, parse: (pem: string) => unknown): ValueKind<PemFile> {
  const right = `give the path of a PEM file with a ${content}`;
  const schema = z.string().transform((path, context) => {
    try {
      const pem = readFileSync(path, "utf8");
      if (!pem.includes("-----BEGIN ")) throw new Error("it is not PEM");
      parse(pem);
      return { path, pem };
    } catch (error) {
      // OpenSSL's reasons never quote the file; with the path they are all that an operator needs.
      const why = error instanceof Error ? error.message : String(error);
      context.addIssue({ code: "custom", message: `has no usable ${content} (${why}): ${right}` });
      return z.NEVER;
    }
  });
  return { placeholder: "file", schema, show: ({ path }) => path, readsFile: true };
}
