import { codeBehind, describe } from "@realchat/presence-redis";
import type { Clock } from "@realchat/presence-runtime";

/** How long a refusal is told that does not come again, ms: what is refused is tried again at least every 5 s. */
const recentMs = 10_000;

/** What Redis answers with an error although the connection stands: READONLY, OOM, MISCONF, a key of another type. */
export class Refusals {
  readonly #clock: Clock;
  /** By what was refused. */
  readonly #recent = new Map<string, { readonly message: string; readonly atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Says what is refused, in one line; undefined: nothing. */
  get summary(): string | undefined {
    const sinceMs = this.#clock.monotonicMs() - recentMs;
    const told = [...this.#recent].filter(([, { atMs }]) => atMs >= sinceMs);
    return told.length === 0 ? undefined : told.map(([what, { message }]) => `${what}: ${message}`).join("; ");
  }

  worked(what: string): void {
    this.#recent.delete(what);
  }

  /** @param error counts if Redis replied it: silence and a lost connection are the connection's to tell */
  failed(what: string, error: unknown): void {
    const cause = error instanceof Error && codeBehind(error) === "" ? error.cause : error;
    const code = codeBehind(cause);
    // GENERATION: another Redis, or an empty one. The connection begins anew.
    if (code === "" || code === "GENERATION") return;
    const reply = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
    this.#recent.set(what, { message: describe(reply), atMs: this.#clock.monotonicMs() });
  }
}
