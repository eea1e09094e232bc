/** Where the keys come from that tokens are signed with. */
export type KeySource =
  | { readonly kind: "secret"; readonly secret: string }
  /** A public key or a certificate, PEM. */
  | { readonly kind: "pem"; readonly pem: string }
  | { readonly kind: "jwks"; readonly url: URL; readonly refreshMs: number };
