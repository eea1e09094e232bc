import { createSecretKey } from "node:crypto";
import type { Clock } from "@realchat/presence-runtime";
import { SignJWT } from "jose";

interface TokenIssue {
  readonly secret: string;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly userId: string;
  readonly validS: number;
}

/** A token as the login service of a deployment would issue it, for trying. */
export function issueToken({ secret, issuer, audience, userId, validS }: TokenIssue, clock: Clock): Promise<string> {
  const nowS = Math.floor(clock.nowUs() / 1_000_000);
  const token = new SignJWT().setProtectedHeader({ alg: "HS256" }).setSubject(userId);
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return token
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + validS)
    .sign(createSecretKey(secret, "utf8"));
}
