import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { waitUntil } from "@realchat/presence-testing";
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import type { Handshake } from "../handshake.ts";
import type { KeySource } from "./key-source.ts";
import { openKeys } from "./keys.ts";
import { TokenBearers } from "./token-bearers.ts";

const clock = new FakeClock();
const nowS = Math.floor(clock.nowUs() / 1e6);
const secret = "a secret of at least thirty-two bytes";

async function bearers(source: KeySource, claims: { issuer?: string; audience?: string } = {}) {
  const keys = await openKeys(source, clock, () => {});
  const authenticator = new TokenBearers({ keys, clock, issuer: claims.issuer, audience: claims.audience });
  return {
    keys,
    async outcome(token: string | undefined, userId?: string): Promise<string> {
      const answer = await authenticator.authenticate({ token, userId } as Handshake);
      return answer.kind === "user"
        ? `user ${answer.userId} until ${answer.expiresAtMs}`
        : `${answer.kind}: ${answer.message}`;
    },
  };
}

function signed(key: CryptoKey | Uint8Array, alg: string, payload: JWTPayload, kid?: string): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg, ...(kid !== undefined && { kid }) }).sign(key);
}

const shared = new TextEncoder().encode(secret);
const hs256 = (payload: JWTPayload) => signed(shared, "HS256", payload);

describe("bearers of tokens", () => {
  test("are who the token says they are, as long as it says", async () => {
    const { outcome } = await bearers({ kind: "secret", secret });
    assert.equal(await outcome(await hs256({ sub: "ada", exp: nowS + 60 })), `user ada until ${(nowS + 60) * 1000}`);
    assert.equal(await outcome(await hs256({ sub: "ada" }), "ada"), "user ada until undefined");
  });

  test("without a good token are refused, and told why", async () => {
    const { outcome } = await bearers({ kind: "secret", secret });
    assert.match(await outcome(undefined), /^unauthenticated: no token: send it as/);
    assert.match(await outcome("a.b.c"), /^unauthenticated: the token is not valid/);
    assert.match(await outcome(await hs256({ sub: "ada", exp: nowS - 60 })), /^unauthenticated: .*"exp" claim/);
    assert.match(await outcome(await hs256({ sub: "ada", nbf: nowS + 60 })), /^unauthenticated: .*"nbf" claim/);
    assert.match(await outcome(await hs256({ exp: nowS + 60 })), /^unauthenticated: .*"sub" claim/);
    assert.match(
      await outcome(await hs256({ sub: "a\nb" })),
      /^unauthenticated: the token's sub has control characters/,
    );
    const other = new TextEncoder().encode("another secret of thirty-two bytes");
    assert.match(await outcome(await signed(other, "HS256", { sub: "ada" })), /^unauthenticated: .*signature/);
  });

  test("cannot be somebody else", async () => {
    const { outcome } = await bearers({ kind: "secret", secret });
    assert.match(await outcome(await hs256({ sub: "ada" }), "bob"), /^forbidden: user_id is not the token's subject/);
  });

  test("bring tokens of the right issuer, for this audience", async () => {
    const { outcome } = await bearers(
      { kind: "secret", secret },
      { issuer: "https://login.example", audience: "chat" },
    );
    const right = { sub: "ada", iss: "https://login.example", aud: ["chat", "mail"] };
    assert.match(await outcome(await hs256(right)), /^user ada/);
    assert.match(
      await outcome(await hs256({ ...right, iss: "https://evil.example" })),
      /^unauthenticated: .*"iss" claim/,
    );
    assert.match(await outcome(await hs256({ ...right, aud: "mail" })), /^unauthenticated: .*"aud" claim/);
    assert.match(await outcome(await hs256({ sub: "ada" })), /^unauthenticated: /);
  });

  for (const algorithm of ["RS256", "ES256", "EdDSA"]) {
    test(`sign with ${algorithm}, whose public key is in a file`, async () => {
      const { publicKey, privateKey } = await generateKeyPair(algorithm);
      const pem = await exportSPKI(publicKey);
      const { outcome } = await bearers({ kind: "pem", pem });
      assert.match(await outcome(await signed(privateKey, algorithm, { sub: "ada" })), /^user ada/);
      // The public key is no secret: it must not count as one.
      const forged = await signed(new TextEncoder().encode(pem), "HS256", { sub: "ada" });
      assert.match(await outcome(forged), /^unauthenticated: /);
    });
  }

  test("sign with keys of a set, which is kept while the issuer is away and read again for a key that is new", async () => {
    const [first, second] = await Promise.all([generateKeyPair("ES256"), generateKeyPair("ES256")]);
    const jwk = async (key: CryptoKey, kid: string) => ({ ...(await exportJWK(key)), kid });
    let keys = [await jwk(first.publicKey, "one")];
    let isAway = true;
    let asked = 0;
    const issuer = createServer((_, response) => {
      asked++;
      if (isAway) response.writeHead(503).end();
      else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys }));
    });
    await new Promise<void>((resolve) => issuer.listen(0, "127.0.0.1", resolve));
    const url = new URL(`http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`);
    const { outcome, keys: opened } = await bearers({ kind: "jwks", url, refreshMs: 60_000 });
    const tokens = {
      one: await signed(first.privateKey, "ES256", { sub: "ada" }, "one"),
      two: await signed(second.privateKey, "ES256", { sub: "bob" }, "two"),
    };
    assert.match(await outcome(tokens.one), /^unavailable: /);
    isAway = false;
    assert.match(await outcome(tokens.one), /^user ada/);
    const askedBefore = asked;
    assert.match(await outcome(tokens.one), /^user ada/);
    assert.equal(asked, askedBefore);
    isAway = true;
    assert.match(await outcome(tokens.one), /^user ada/);
    assert.match(await outcome(tokens.two), /^(unauthenticated|unavailable): /);
    isAway = false;
    keys = [...keys, await jwk(second.publicKey, "two")];
    const before = asked;
    await clock.advance(60_000);
    await waitUntil(() => asked > before, { what: "the key set is read anew" });
    await waitUntil(async () => (await outcome(tokens.two)).startsWith("user bob"), { what: "the new key counts" });
    opened.close();
    issuer.close();
  });
});
