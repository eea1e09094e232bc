import { timingSafeEqual } from "node:crypto";
import { type ListedCaller, sha256Of } from "@realchat/presence-runtime/callers";
import type { Caller } from "./caller.ts";

/** Callers of API_TOKENS_FILE, found by what they show. */
export class ListedCallers {
  readonly #byToken: { readonly sha256: Buffer; readonly caller: Caller }[] = [];
  readonly #byIdentity = new Map<string, Caller>();

  constructor(listed: readonly ListedCaller[]) {
    for (const { name, scopes, proof } of listed) {
      const caller = { name, scopes, grantedBy: "its line in API_TOKENS_FILE", untilMs: Number.POSITIVE_INFINITY };
      if (proof.kind === "token") this.#byToken.push({ sha256: proof.sha256, caller });
      else this.#byIdentity.set(proof.identity, caller);
    }
  }

  /** How long it takes says nothing of any token: all are compared, and to their ends. */
  byToken(token: string): Caller | undefined {
    const shown = sha256Of(token);
    let found: Caller | undefined;
    for (const { sha256, caller } of this.#byToken) if (timingSafeEqual(sha256, shown)) found = caller;
    return found;
  }

  /** @param identities of a certificate; the first that is listed counts */
  byCertificate(identities: readonly string[]): Caller | undefined {
    const identity = identities.find((one) => this.#byIdentity.has(one));
    return identity === undefined ? undefined : this.#byIdentity.get(identity);
  }
}
