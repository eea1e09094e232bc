import { createHash } from "node:crypto";
import { isScope, type Scope, scopes } from "./scope.ts";

/** Who may call, and what: one line of a list of callers. */
export interface ListedCaller {
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly proof: Proof;
}

/**
 * How a caller shows who it is: by a token, of which only the SHA-256 is kept, or by a certificate that carries this
 * identity, as `certificateIdentities` writes it.
 */
type Proof =
  | { readonly kind: "token"; readonly sha256: Buffer }
  | { readonly kind: "certificate"; readonly identity: string };

/** Lines of one list. */
export const callersMax = 1_000;

const namePattern = /^[\w.-]{1,64}$/;
const nameRule = "the name may have up to 64 letters, digits, dots, dashes and underscores";
const identityPattern = /^(?:uri|dns|cn):./;
const sha256Pattern = /^[0-9a-f]{64}$/i;

/**
 * Reads `NAME SCOPE,SCOPE PROOF`, a caller each line; `#` begins a comment. PROOF is the SHA-256 of a token in hexadecimal
 * digits, or what a client certificate carries: `uri:…`, `dns:…` or `cn:…`. A caller may have several lines, as when its
 * token is about to be replaced.
 * @throws Error that names the first line that is wrong, and quotes nothing that may be secret
 */
export function parseCallers(text: string): ListedCaller[] {
  const listed = text.split("\n").flatMap((written, index) => {
    const content = written.replace(/(?:^|\s)#.*/, "").trim();
    return content === "" ? [] : [{ ...callerIn(content, index + 1), line: index + 1 }];
  });
  if (listed.length === 0) throw new Error("it lists nobody");
  if (listed.length > callersMax) throw new Error(`it lists ${listed.length} callers, limit ${callersMax}`);
  const lineOf = new Map<string, number>();
  for (const { proof, line } of listed) {
    const shown = proof.kind === "token" ? proof.sha256.toString("hex") : proof.identity;
    const earlier = lineOf.get(shown);
    if (earlier !== undefined) throw new Error(`lines ${earlier} and ${line} have the same token or certificate`);
    lineOf.set(shown, line);
  }
  return listed.map(({ line: _, ...caller }) => caller);
}

function callerIn(content: string, line: number): ListedCaller {
  const wrong = (what: string) => new Error(`line ${line}: ${what}`);
  const [, name, scopeWords, proof] = /^(\S+)\s+(\S+)\s+(.+)$/.exec(content) ?? [];
  if (name === undefined || scopeWords === undefined || proof === undefined) {
    throw wrong("it is not of the form NAME SCOPE,SCOPE SHA-256-OF-THE-TOKEN");
  }
  if (!namePattern.test(name)) throw wrong(nameRule);
  const granted = scopeWords.split(",");
  if (!granted.every(isScope)) throw wrong(`its second word has an unknown scope: there are ${scopes.join(", ")}`);
  return { name, scopes: new Set(granted), proof: proofIn(proof, wrong) };
}

function proofIn(word: string, wrong: (what: string) => Error): Proof {
  if (identityPattern.test(word)) return { kind: "certificate", identity: word };
  if (!sha256Pattern.test(word)) {
    throw wrong("what follows its scopes is no SHA-256 (64 hexadecimal digits), nor begins with uri:, dns: or cn:");
  }
  const sha256 = Buffer.from(word, "hex");
  if (sha256.equals(sha256Of(""))) throw wrong("its SHA-256 is that of no token at all");
  return { kind: "token", sha256 };
}

export function sha256Of(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** The line of a list for the bearer of a token. @throws Error when the name may not stand there */
export function callerLine(name: string, granted: readonly Scope[], token: string): string {
  if (!namePattern.test(name)) throw new Error(nameRule);
  return `${name} ${granted.join(",")} ${sha256Of(token).toString("hex")}`;
}
