import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { waitUntil } from "@realchat/presence-testing";
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import { FakeClock } from "../../fake-clock.ts";
import { JwtVerifier } from "./jwt-verifier.ts";
import type { KeySource } from "./key-source.ts";
import { openKeys } from "./keys.ts";

const clock = new FakeClock();
const nowS = Math.floor(clock.nowUs() / 1e6);
const secret = "a secret of at least thirty-two bytes";

async function bearers(source: KeySource, claims: { issuer?: string; audience?: string } = {}) {
  const keys = await openKeys(source, clock, () => {});
  const tokens = new JwtVerifier({ keys, clock, issuer: claims.issuer, audience: claims.audience });
  return {
    keys,
    tokens,
    async outcome(token: string): Promise<string> {
      const verdict = await tokens.verify(token);
      return verdict.kind === "valid"
        ? `bearer ${verdict.subject} until ${verdict.expiresAtMs}`
        : `${verdict.kind}: ${verdict.message}`;
    },
  };
}

function signed(key: CryptoKey | Uint8Array, alg: string, payload: JWTPayload, kid?: string): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg, ...(kid !== undefined && { kid }) }).sign(key);
}

/** Whatever the payload is, and the header: as a text of JSON, since some have no other form. */
function hs256Of(payload: string, header = '{"alg":"HS256"}'): string {
  const signed = `${Buffer.from(header).toString("base64url")}.${Buffer.from(payload).toString("base64url")}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

const shared = new TextEncoder().encode(secret);
const hs256 = (payload: JWTPayload) => signed(shared, "HS256", payload);

describe("bearers of JSON Web Tokens", () => {
  test("go by the token's subject, until it expires", async () => {
    const { outcome } = await bearers({ kind: "secret", secret });
    assert.equal(await outcome(await hs256({ sub: "ada", exp: nowS + 60 })), `bearer ada until ${(nowS + 60) * 1000}`);
    assert.equal(await outcome(await hs256({ sub: "ada" })), "bearer ada until undefined");
  });

  test("without a valid token are refused, with the reason", async () => {
    const { outcome } = await bearers({ kind: "secret", secret });
    assert.match(await outcome("a.b.c"), /^invalid: the token is not valid/);
    assert.match(await outcome(await hs256({ sub: "ada", exp: nowS - 60 })), /^invalid: .*"exp" claim/);
    assert.match(await outcome(await hs256({ sub: "ada", nbf: nowS + 60 })), /^invalid: .*"nbf" claim/);
    assert.match(await outcome(await hs256({ exp: nowS + 60 })), /^invalid: .*"sub" claim/);
    assert.match(
      await outcome(await hs256({ sub: "a\nb" })),
      /^invalid: the token's sub has the control character U\+/,
    );
    const other = new TextEncoder().encode("another secret of thirty-two bytes");
    assert.match(await outcome(await signed(other, "HS256", { sub: "ada" })), /^invalid: .*signature/);
  });

  test("with claims of the wrong type are refused for good: the same token never becomes valid", async () => {
    const { outcome } = await bearers({ kind: "secret", secret }, { audience: "chat" });
    const subs = ["42", "0", "true", "null", '["ada"]', '{"id":"ada"}', '""', '"\\ud800"', '"a\\udc00b"', '"\\u0000"'];
    for (const sub of [...subs, `"${"x".repeat(129)}"`]) {
      const answer = await outcome(hs256Of(`{"sub":${sub},"aud":"chat"}`));
      assert.match(answer, /^invalid: .*\bsub\b/, `sub ${sub}`);
    }
    const times = ['"soon"', "null", "[1]", "{}", "true", "1e400", "-1e400", '"1795508881"'];
    for (const time of times) {
      assert.match(await outcome(hs256Of(`{"sub":"ada","aud":"chat","exp":${time}}`)), /^invalid: .*\bexp\b/, time);
    }
    for (const time of times.filter((text) => text !== "-1e400")) {
      assert.match(await outcome(hs256Of(`{"sub":"ada","aud":"chat","nbf":${time}}`)), /^invalid: .*\bnbf\b/, time);
    }
    for (const time of ['"now"', "null", "{}"]) {
      assert.match(await outcome(hs256Of(`{"sub":"ada","aud":"chat","iat":${time}}`)), /^invalid: .*\biat\b/, time);
    }
    for (const audience of ["42", "null", "{}", "[42]", "[]", '[["chat"]]', '{"0":"chat"}']) {
      assert.match(await outcome(hs256Of(`{"sub":"ada","aud":${audience}}`)), /^invalid: .*\baud\b/, audience);
    }
    for (const payload of ["42", "null", '"ada"', "[]", "{", "", '["sub","ada"]', "\ufeff{}"]) {
      assert.match(await outcome(hs256Of(payload)), /^invalid: /, `payload ${payload}`);
    }
  });

  test("with a malformed token or header are refused, with the reason", async () => {
    const { outcome } = await bearers({ kind: "secret", secret });
    const payload = '{"sub":"ada"}';
    const headers = ["42", "null", "{}", "[]", "{", '{"alg":42}', '{"alg":null}', '{"alg":"none"}', '{"alg":"RS256"}'];
    const extensions = ["b64", "x"].map((name) => `{"alg":"HS256","crit":["${name}"],"${name}":false}`);
    const odd = [
      '{"alg":"HS256","crit":42}',
      '{"alg":"HS256","crit":[]}',
      '{"alg":"HS256","b64":false}',
      ...extensions,
    ];
    for (const header of [
      ...headers,
      ...odd.filter((text) => !text.endsWith('"b64":false}') || text.includes("crit")),
    ]) {
      assert.match(await outcome(hs256Of(payload, header)), /^invalid: /, header);
    }
    assert.match(await outcome(hs256Of(payload, '{"alg":"HS256","kid":42}')), /^bearer ada/);
    const good = hs256Of(payload);
    for (const token of ["", "a", "a.b", "....", `${good}.x`, good.slice(0, -4), "é.é.é", "\ud800.a.b", " "]) {
      assert.match(await outcome(token), /^invalid: /, token);
    }
  });

  test("whose expiry is out of range count as without expiry", async () => {
    const { outcome } = await bearers({ kind: "secret", secret });
    for (const exp of ["1e300", "9007199254740993", "1e15"]) {
      assert.match(await outcome(hs256Of(`{"sub":"ada","exp":${exp}}`)), /^bearer ada until \d/, exp);
    }
  });

  test("need tokens of the right issuer, for this audience", async () => {
    const { outcome } = await bearers(
      { kind: "secret", secret },
      { issuer: "https://login.example", audience: "chat" },
    );
    const right = { sub: "ada", iss: "https://login.example", aud: ["chat", "mail"] };
    assert.match(await outcome(await hs256(right)), /^bearer ada/);
    assert.match(await outcome(await hs256({ ...right, iss: "https://evil.example" })), /^invalid: .*"iss" claim/);
    assert.match(await outcome(await hs256({ ...right, aud: "mail" })), /^invalid: .*"aud" claim/);
    assert.match(await outcome(await hs256({ sub: "ada" })), /^invalid: /);
  });

  for (const algorithm of ["RS256", "ES256", "EdDSA"]) {
    test(`sign with ${algorithm}, whose public key is in a file`, async () => {
      const { publicKey, privateKey } = await generateKeyPair(algorithm);
      const pem = await exportSPKI(publicKey);
      const { outcome } = await bearers({ kind: "pem", pem });
      assert.match(await outcome(await signed(privateKey, algorithm, { sub: "ada" })), /^bearer ada/);
      // The public key is no secret: it must not count as one.
      const forged = await signed(new TextEncoder().encode(pem), "HS256", { sub: "ada" });
      assert.match(await outcome(forged), /^invalid: /);
    });
  }

  describe("of an issuer with several keys", () => {
    /** An issuer whose key set a test decides, and that counts who asks. */
    async function issuing(t: TestContext) {
      const state = { keys: [] as JWK[], asked: 0, status: 200 };
      const server = createServer((_, response) => {
        state.asked++;
        response
          .writeHead(state.status, { "content-type": "application/json" })
          .end(JSON.stringify({ keys: state.keys }));
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      t.after(() => server.close());
      const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`);
      return {
        state,
        async open(keys: JWK[]) {
          state.keys = keys;
          const opened = await bearers({ kind: "jwks", url, refreshMs: 600_000 });
          t.after(() => opened.keys.close());
          await waitUntil(() => state.asked === 1, { what: "the key set is read" });
          return opened;
        },
      };
    }
    type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
    const pairs = (algorithm: string, count: number) =>
      Promise.all(Array.from({ length: count }, () => generateKeyPair(algorithm, { extractable: true })));
    const jwk = async (pair: Pair, more: JWK = {}) => ({ ...(await exportJWK(pair.publicKey)), ...more });

    for (const [what, kid] of [
      ["the same kid", "one"],
      ["no kid", undefined],
    ] as const) {
      test(`with ${what}: each that fits is tried`, async (t) => {
        const { open, state } = await issuing(t);
        const three = await pairs("ES256", 3);
        const [rsa] = (await pairs("RS256", 1)) as [Pair];
        const set = await Promise.all([...three, rsa].map((pair) => jwk(pair, kid === undefined ? {} : { kid })));
        const { outcome } = await open(set);
        for (const pair of three) {
          assert.match(await outcome(await signed(pair.privateKey, "ES256", { sub: "ada" }, kid)), /^bearer ada/);
        }
        assert.match(await outcome(await signed(rsa.privateKey, "RS256", { sub: "ada" }, kid)), /^bearer ada/);
        // Nor does a key without a name speak against a token that names one, or the other way round.
        const other = kid === undefined ? "named" : undefined;
        assert.match(await outcome(await signed(rsa.privateKey, "RS256", { sub: "ada" }, other)), /^bearer ada/);
        assert.equal(state.asked, 1);
        const [foreign] = (await pairs("ES256", 1)) as [Pair];
        const forged = await signed(foreign.privateKey, "ES256", { sub: "ada" }, kid);
        assert.match(await outcome(forged), /^invalid: .*signature/);
      });
    }

    test("some of which are unusable: the others are used", async (t) => {
      const { open } = await issuing(t);
      const [good, encrypting] = (await pairs("ES256", 2)) as [Pair, Pair];
      const junk: unknown[] = [
        { kty: "EC", crv: "P-256", kid: "one", x: "AA", y: "AA" },
        { kty: "EC", crv: "P-521", kid: "one" },
        { kty: "oct", k: Buffer.from("0123456789abcdef0123456789abcdef").toString("base64url"), kid: "one" },
        { kty: "RSA", kid: "one", n: "AQAB", e: "AQAB" },
        { kty: 42, kid: "one" },
        { kid: "one" },
        await jwk(encrypting, { kid: "one", use: "enc" }),
        await jwk(encrypting, { kid: "one", alg: "ES384" }),
      ];
      const { outcome } = await open([...(junk as JWK[]), await jwk(good, { kid: "one", use: "sig", alg: "ES256" })]);
      assert.match(await outcome(await signed(good.privateKey, "ES256", { sub: "ada" }, "one")), /^bearer ada/);
      const other = await signed(encrypting.privateKey, "ES256", { sub: "ada" }, "one");
      assert.match(await outcome(other), /^invalid: /);
    });

    test("a new key is used at once, however recently the set was read", async (t) => {
      const { open, state } = await issuing(t);
      const [old, fresh] = (await pairs("ES256", 2)) as [Pair, Pair];
      const { outcome } = await open([await jwk(old, { kid: "old" })]);
      state.keys = [await jwk(old, { kid: "old" }), await jwk(fresh, { kid: "fresh" })];
      assert.match(await outcome(await signed(fresh.privateKey, "ES256", { sub: "ada" }, "fresh")), /^bearer ada/);
      assert.equal(state.asked, 2);
    });

    test("so is a key without a kid that replaces another without", async (t) => {
      const { open, state } = await issuing(t);
      const [old, fresh] = (await pairs("ES256", 2)) as [Pair, Pair];
      const { outcome } = await open([await jwk(old)]);
      state.keys = [await jwk(fresh)];
      assert.match(await outcome(await signed(fresh.privateKey, "ES256", { sub: "ada" })), /^bearer ada/);
    });

    test("random kids cause no storm of fetches, and keep no valid token out", async (t) => {
      const { open, state } = await issuing(t);
      const [old, fresh] = (await pairs("ES256", 2)) as [Pair, Pair];
      const { outcome } = await open([await jwk(old, { kid: "old" })]);
      const random = (count: number) => signed(old.privateKey, "ES256", { sub: "eve" }, `random-${count}`);
      const tokens = await Promise.all(Array.from({ length: 300 }, (_, count) => random(count)));
      const answers: string[] = [];
      const ask = async (token: string) => answers.push(await outcome(token));
      // In waves, so that not all join one reading.
      for (let wave = 0; wave < 30; wave++) {
        for (const token of tokens.slice(10 * wave, 10 * wave + 10)) void ask(token);
        await clock.advance(100);
      }
      assert.ok(state.asked < 10, `the set was read ${state.asked} times in 3 s`);
      state.keys = [await jwk(fresh, { kid: "fresh" })];
      const good = outcome(await signed(fresh.privateKey, "ES256", { sub: "ada" }, "fresh"));
      let answer: string | undefined;
      void good.then((text) => {
        answer = text;
      });
      await waitUntil(
        async () => {
          await clock.advance(100);
          return answer !== undefined && answers.length === 300;
        },
        { what: "all are answered" },
      );
      assert.match(answer ?? "", /^bearer ada/);
      for (const refused of answers) assert.match(refused, /^invalid: .*no key/);
      assert.ok(state.asked < 15, `the set was read ${state.asked} times`);
    });

    test("while the issuer is unavailable: an unknown key is a temporary refusal, a known key a final one", async (t) => {
      const { open, state } = await issuing(t);
      const [old, other] = (await pairs("ES256", 2)) as [Pair, Pair];
      const { outcome } = await open([await jwk(old, { kid: "old" })]);
      assert.match(await outcome(await signed(old.privateKey, "ES256", { sub: "ada" }, "old")), /^bearer ada/);
      state.status = 503;
      assert.match(await outcome(await signed(other.privateKey, "ES256", { sub: "ada" }, "other")), /^unavailable: /);
      assert.match(await outcome(await signed(other.privateKey, "ES256", { sub: "ada" }, "old")), /^invalid: /);
      assert.match(await outcome(await signed(old.privateKey, "ES256", { sub: "ada" }, "old")), /^bearer ada/);
      assert.match(await outcome(await hs256({ sub: "ada" })), /^invalid: /);
    });
  });

  test("are checked with the keys that replaced others", async () => {
    const { outcome, tokens } = await bearers({ kind: "secret", secret });
    const { privateKey, publicKey } = await generateKeyPair("ES256");
    const [old, next] = [await hs256({ sub: "ada" }), await signed(privateKey, "ES256", { sub: "bruno" })];
    assert.match(await outcome(next), /^invalid: /);
    tokens.replaceKeys(await openKeys({ kind: "pem", pem: await exportSPKI(publicKey) }, clock, () => {}));
    assert.match(await outcome(next), /^bearer bruno/);
    assert.match(await outcome(old), /^invalid: /);
  });

  test("are signed with keys of a set, which is kept while the issuer is unavailable and fetched again for a new key", async () => {
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
    assert.match(await outcome(tokens.one), /^bearer ada/);
    const askedBefore = asked;
    assert.match(await outcome(tokens.one), /^bearer ada/);
    assert.equal(asked, askedBefore);
    isAway = true;
    assert.match(await outcome(tokens.one), /^bearer ada/);
    assert.match(await outcome(tokens.two), /^(invalid|unavailable): /);
    isAway = false;
    keys = [...keys, await jwk(second.publicKey, "two")];
    const before = asked;
    await clock.advance(60_000);
    await waitUntil(() => asked > before, { what: "the key set is read anew" });
    await waitUntil(async () => (await outcome(tokens.two)).startsWith("bearer bob"), { what: "the new key counts" });
    opened.close();
    issuer.close();
  });
});
