/** What tokens of issuers with a public key are signed with. */
export const asymmetric = ["RS256", "ES256", "EdDSA"] as const;

export type Algorithm = (typeof asymmetric)[number];
