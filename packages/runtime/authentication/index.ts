export { type JwtVerdict, JwtVerifier } from "./jwt/jwt-verifier.ts";
export { openKeys } from "./jwt/keys.ts";
export type { Keys } from "./jwt/verification-keys.ts";
