import type { Policies } from "../privacy/policies.ts";
import type { HiddenState, Known } from "../privacy/policy-directory.ts";
import type { Dot } from "./dot.ts";
import { hiddenStateOf, isBackSince } from "./hiding.ts";
import type { PolicyReads } from "./policy-reads.ts";
import type { WatchedUser } from "./watched-user.ts";

/** The states in which watched users hide: stored in the directory, for all gateways, before they are shown; and ended there. */
export class HiddenStates {
  readonly #policies: Pick<Policies, "hide" | "show" | "rules">;
  readonly #reads: Pick<PolicyReads<unknown>, "ask">;
  #retentionMs = 0;

  constructor(policies: Pick<Policies, "hide" | "show" | "rules">, reads: Pick<PolicyReads<unknown>, "ask">) {
    this.#policies = policies;
    this.#reads = reads;
  }

  /** @param retentionMs how long presence keeps last seen; 0: it does not say */
  keepsLastSeen(retentionMs: number): void {
    if (retentionMs !== 0) this.#retentionMs = retentionMs;
  }

  /**
   * @param known what the directory knew
   * @param allowed the last dot that may be told by that
   * @returns undefined: the user does not hide; `behind`: no more, by what the directory knows now
   */
  async of(
    { userId, dot, told, away }: Pick<WatchedUser, "userId" | "dot" | "told" | "away">,
    { policy, hidden, sinceMs }: Known,
    { allowed, isWanted }: { readonly allowed: Dot | undefined; readonly isWanted: () => boolean },
  ): Promise<HiddenState | "behind" | undefined> {
    const policies = this.#policies;
    if (!policies.rules.mayBeInvisible) return undefined;
    if (!policy.invisible && hidden !== undefined && allowed !== undefined && isBackSince(sinceMs, allowed)) {
      await this.#reads.ask(() => policies.show(userId, hidden.sinceMs), isWanted);
      return undefined;
    }
    if (!policy.invisible || hidden !== undefined || dot === undefined) return hidden;
    const state = hiddenStateOf(away?.hidden ? away.told : told, dot, sinceMs, this.#retentionMs);
    return (await this.#reads.ask(() => policies.hide(userId, state), isWanted)) ?? "behind";
  }
}
