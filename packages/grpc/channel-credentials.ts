import { type ChannelCredentials, credentials } from "@grpc/grpc-js";

/** What TLS needs, as PEM texts. */
export interface PemTexts {
  /** Who signed the server's certificate; absent: whom Node trusts. */
  readonly ca?: string;
  /** For mutual TLS, both. */
  readonly certificate?: string;
  readonly key?: string;
}

/** @param tls `{}`: TLS with what Node trusts; undefined: no TLS */
export function channelCredentials(tls: PemTexts | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const bytes = (pem: string | undefined) => (pem === undefined ? null : Buffer.from(pem));
  return credentials.createSsl(bytes(tls.ca), bytes(tls.key), bytes(tls.certificate));
}
