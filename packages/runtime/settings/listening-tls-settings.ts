import { certificateFile, isKeyOf, privateKeyFile } from "./pem-file.ts";
import { live, type Values } from "./setting.ts";

/** The certificate of what a service listens with. @param listener as --help calls it */
export function listeningTlsSettings(listener: string) {
  return {
    TLS_CERT: { kind: live(certificateFile), meaning: `certificate of ${listener} (PEM); turns TLS on` },
    TLS_KEY: { kind: live(privateKeyFile), meaning: "its private key (PEM)" },
  };
}

type TlsValues = Values<ReturnType<typeof listeningTlsSettings>>;

/** What does not go together, one sentence each. */
export function* listeningTlsConflicts({ TLS_CERT, TLS_KEY }: TlsValues): Iterable<string> {
  if (TLS_CERT && !TLS_KEY) yield "TLS_CERT is set without TLS_KEY: give the certificate's private key too";
  if (TLS_KEY && !TLS_CERT) yield "TLS_KEY is set without TLS_CERT: give the key's certificate too";
  if (TLS_CERT && TLS_KEY && !isKeyOf(TLS_KEY, TLS_CERT)) {
    yield `TLS_KEY=${TLS_KEY.path} is not the key of TLS_CERT=${TLS_CERT.path}: give two files that belong together`;
  }
}

/** PEM texts. */
export interface ListeningTls {
  readonly certificate: string;
  readonly key: string;
}

/** @returns undefined without a certificate */
export function listeningTls({ TLS_CERT, TLS_KEY }: TlsValues): ListeningTls | undefined {
  return TLS_CERT && TLS_KEY && { certificate: TLS_CERT.pem, key: TLS_KEY.pem };
}
