import { createSecretKey } from "node:crypto";
import { type Clock, wrongWithId } from "@realchat/presence-runtime";
import { SignJWT } from "jose";

interface TokenIssue {
  readonly secret: string;
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  readonly userId: string;
  readonly validS: number;
}

/**
 * A token as the login service of a deployment would issue it, for trying.
 * @throws Error when no gateway would take it
 */
export async function issueToken(
  { secret, issuer, audience, userId, validS }: TokenIssue,
  clock: Clock,
): Promise<string> {
  const wrong = wrongWithId(userId);
  if (wrong !== undefined) throw new Error(`the user's id ${wrong}: give a short stable id, such as ada`);
  const nowS = Math.floor(clock.nowUs() / 1_000_000);
  const token = new SignJWT().setProtectedHeader({ alg: "HS256" }).setSubject(userId);
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(audience);
  return token
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + validS)
    .sign(createSecretKey(secret, "utf8"));
}
