import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { JwtVerifier, openKeys } from "@realchat/presence-runtime/authentication";
import { FakeClock } from "@realchat/presence-runtime/testing";
import type { Handshake } from "../handshake.ts";
import { issueToken } from "./issue-token.ts";
import { TokenAuthenticator } from "./token-authenticator.ts";

const roles = { claim: "roles", known: new Set<string>() };
const clock = new FakeClock();
const secret = "a secret of at least thirty-two bytes";
const issue = { secret, issuer: undefined, audience: undefined, validS: 60 };

async function outcome(token: string | undefined, userId?: string): Promise<string> {
  const keys = await openKeys({ kind: "secret", secret }, clock, () => {});
  const verifier = new JwtVerifier({ keys, clock, issuer: undefined, audience: undefined });
  const answer = await new TokenAuthenticator(verifier, roles).authenticate({ token, userId } as Handshake);
  return answer.kind === "user"
    ? `user ${answer.userId} until ${answer.expiresAtMs}`
    : `${answer.kind}: ${answer.message}`;
}

describe("clients with tokens", () => {
  test("are the token's subject, until it expires", async () => {
    const token = await issueToken({ ...issue, userId: "ada" }, clock);
    const untilMs = (Math.floor(clock.nowUs() / 1e6) + 60) * 1_000;
    assert.equal(await outcome(token), `user ada until ${untilMs}`);
    assert.equal(await outcome(token, "ada"), `user ada until ${untilMs}`);
  });

  test("cannot connect as another user", async () => {
    const token = await issueToken({ ...issue, userId: "ada" }, clock);
    assert.match(await outcome(token, "bob"), /^forbidden: user_id is not the token's subject/);
  });

  test("without a valid one are refused, with the reason", async () => {
    assert.match(await outcome(undefined), /^unauthenticated: no token: send it as/);
    assert.match(await outcome("a.b.c"), /^unauthenticated: the token is not valid/);
  });

  test("are issued no test token that would be refused", async () => {
    assert.match(await outcome(await issueToken({ ...issue, userId: "ada" }, clock)), /^user ada/);
    await assert.rejects(issueToken({ ...issue, userId: "a\nb" }, clock), /^Error: the user's id has /);
  });
});
