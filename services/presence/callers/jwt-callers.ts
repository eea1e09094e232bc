import { RpcError } from "@realchat/presence-rpc";
import type { JwtVerifier } from "@realchat/presence-runtime/authentication";
import { isScope, sha256Of } from "@realchat/presence-runtime/callers";
import type { Caller } from "./caller.ts";

/** Tokens that are remembered: a check costs as much as thirty calls. */
const rememberedMax = 10_000;
/** For how long: then the key that it was signed with may have been withdrawn. */
const rememberedMs = 10_000;
const retryAfterMs = 1_000;

/** Callers that bring a JSON Web Token: `sub` names them, `scope` has their scopes (RFC 8693 §4.2). */
export class JwtCallers {
  readonly #tokens: Pick<JwtVerifier, "verify">;
  /** By the token's SHA-256, the eldest first. */
  readonly #remembered = new Map<string, Caller>();

  constructor(tokens: Pick<JwtVerifier, "verify">) {
    this.#tokens = tokens;
  }

  /** @throws RpcError UNAUTHENTICATED; UNAVAILABLE while the issuer's keys cannot be had */
  async byToken(token: string, nowMs: number): Promise<Caller> {
    const key = sha256Of(token).toString("base64");
    const remembered = this.#remembered.get(key);
    if (remembered !== undefined && nowMs < remembered.untilMs) return remembered;
    const verdict = await this.#tokens.verify(token);
    if (verdict.kind === "unavailable") throw new RpcError("UNAVAILABLE", verdict.message, { retryAfterMs });
    if (verdict.kind === "invalid") throw new RpcError("UNAUTHENTICATED", verdict.message);
    const { subject, claims, expiresAtMs = Number.POSITIVE_INFINITY } = verdict;
    const untilMs = Math.min(expiresAtMs, nowMs + rememberedMs);
    const granted = typeof claims.scope === "string" ? claims.scope.split(" ").filter(isScope) : [];
    const caller = { name: subject, scopes: new Set(granted), grantedBy: "the scope claim of its token", untilMs };
    this.#remember(key, caller);
    return caller;
  }

  #remember(key: string, caller: Caller): void {
    const [eldest] = this.#remembered.keys();
    if (this.#remembered.size >= rememberedMax && eldest !== undefined) this.#remembered.delete(eldest);
    this.#remembered.set(key, caller);
  }
}
