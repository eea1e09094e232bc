import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { callerLine, callersMax, parseCallers } from "./caller-list.ts";
import { newToken } from "./new-token.ts";

const sha256 = (token: string) => createHash("sha256").update(token).digest("hex");
const [one, two] = [sha256("one"), sha256("two")];

function problemOf(text: string): string {
  try {
    parseCallers(text);
  } catch (error) {
    return (error as Error).message;
  }
  return assert.fail(`this is taken: ${text}`);
}

describe("a list of callers", () => {
  test("has a name, scopes and a proof in each line; comments and blank lines say nothing", () => {
    const listed = parseCallers(
      [
        "# who may call",
        "",
        `gateway-1  gateway,read ${one}   # until June`,
        `gateway-1\tgateway ${two.toUpperCase()}\r`,
        "ops admin uri:spiffe://realchat/ops",
        "  backup read dns:backup.example",
        "old read cn:The backup#2",
      ].join("\n"),
    );
    assert.deepEqual(
      listed.map(({ name, scopes, proof }) => [
        name,
        [...scopes].join(),
        proof.kind === "token" ? proof.sha256.toString("hex") : proof.identity,
      ]),
      [
        ["gateway-1", "gateway,read", one],
        ["gateway-1", "gateway", two],
        ["ops", "admin", "uri:spiffe://realchat/ops"],
        ["backup", "read", "dns:backup.example"],
        ["old", "read", "cn:The backup#2"],
      ],
    );
  });

  test("that is wrong is refused, with the line and what would be right", () => {
    assert.equal(problemOf(""), "it lists nobody");
    assert.equal(problemOf("# nobody yet\n"), "it lists nobody");
    assert.match(problemOf(`a read ${one}\nb read`), /^line 2: it is not of the form NAME SCOPE,SCOPE SHA-256/);
    assert.match(problemOf(`a read, admin ${one}`), /^line 1: its second word has an unknown scope/);
    assert.match(problemOf(`a read ${one} ${two}`), /^line 1: what follows its scopes is no SHA-256/);
    assert.match(problemOf(`a/b read ${one}`), /^line 1: the name may have/);
    assert.match(problemOf(`${"a".repeat(65)} read ${one}`), /^line 1: the name may have/);
    assert.match(
      problemOf(`a reed ${one}`),
      /^line 1: .*unknown scope: there are gateway, read, watch-everyone, status, admin/,
    );
    assert.match(problemOf(`a read, ${one}`), /unknown scope/);
    assert.match(problemOf(`a read ${one}0`), /^line 1: what follows its scopes is no SHA-256/);
    assert.equal(problemOf(`a read ${sha256("")}`), "line 1: its SHA-256 is that of no token at all");
    assert.equal(problemOf(`a read ${one}\n\nb admin ${one}`), "lines 1 and 3 have the same token or certificate");
    assert.match(problemOf("a read cn:x\nb read cn:x"), /same token or certificate/);
    const many = Array.from({ length: callersMax + 1 }, (_, place) => `a read cn:${place}`);
    assert.equal(problemOf(many.join("\n")), `it lists ${callersMax + 1} callers, limit ${callersMax}`);
  });

  test("never shows a token that stands where its SHA-256 belongs", () => {
    const token = newToken();
    for (const line of [`a read ${token}`, `a ${token} ${one}`, `${token} read`, `${token}! read ${one}`]) {
      assert.ok(!problemOf(line).includes(token), line);
    }
  });

  test("takes the line of a new token, of which no two are alike", () => {
    const tokens = [newToken(), newToken()];
    assert.notEqual(tokens[0], tokens[1]);
    for (const token of tokens) {
      assert.match(token, /^rcp_[\w-]{43}$/);
      const [caller] = parseCallers(callerLine("ops", ["read", "admin"], token));
      assert.deepEqual([caller?.name, [...(caller?.scopes ?? [])].join()], ["ops", "read,admin"]);
      assert.ok(caller?.proof.kind === "token" && caller.proof.sha256.toString("hex") === sha256(token));
    }
    assert.throws(() => callerLine("a b", ["read"], "token"), /^Error: the name may have/);
  });
});
