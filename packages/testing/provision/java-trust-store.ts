import { createHash } from "node:crypto";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { getCACertificates } from "node:tls";

/**
 * Gives a Java that was unpacked, not installed, the certificate authorities that Node trusts: Debian makes the file
 * while it installs, and without it Maven trusts no server. Does nothing when the file is there.
 */
export function trustNodesCertificates(javaHome: string): void {
  const file = `${javaHome}/lib/security/cacerts`;
  if (existsSync(file)) return;
  rmSync(file, { force: true });
  const pem = new Set([...getCACertificates("default"), ...getCACertificates("system")]);
  writeFileSync(file, javaKeyStore([...pem].map(derOf)));
}

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
}

/** The format of OpenJDK's sun.security.provider.JavaKeyStore: a header, the entries, a keyed SHA-1 of both. */
function javaKeyStore(certificates: readonly Buffer[]): Buffer {
  const body = Buffer.concat([
    uint32(0xfeedfeed),
    uint32(2),
    uint32(certificates.length),
    ...certificates.flatMap((der, index) => [
      uint32(2), // a trusted certificate
      shortText(`ca-${index}`),
      Buffer.alloc(8), // when it was added
      shortText("X.509"),
      uint32(der.length),
      der,
    ]),
  ]);
  // Java's well-known password of cacerts, as UTF-16 in network order, then what JavaKeyStore calls whitener.
  const password = Buffer.from("changeit", "utf16le").swap16();
  const digest = createHash("sha1").update(password).update("Mighty Aphrodite").update(body).digest();
  return Buffer.concat([body, digest]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function shortText(text: string): Buffer {
  const bytes = Buffer.alloc(2 + text.length);
  bytes.writeUInt16BE(text.length);
  bytes.write(text, 2, "latin1");
  return bytes;
}
