export { type JwtVerdict, JwtVerifier } from "./jwt/jwt-verifier.ts";
export { openKeys } from "./jwt/keys.ts";
