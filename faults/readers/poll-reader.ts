import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { CallFailure, type PresenceClient } from "../../services/presence/testing/presence-client.ts";
import { ReaderHistory, whyRecovering } from "../history/reader-history.ts";

const pollMs = 700;

/** Asks one node for everyone with GetPresence, again and again. */
export class PollReader {
  readonly history: ReaderHistory;
  readonly #node: PresenceClient;
  readonly #users: readonly string[];
  readonly #stopped = new AbortController();
  readonly #polling: Promise<void>;

  constructor(options: { index: number; node: PresenceClient; users: readonly string[] }) {
    this.history = new ReaderHistory(`the caller of node ${options.index}`, "poll", options.index);
    this.#node = options.node;
    this.#users = options.users;
    this.#polling = this.#pollForEver();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#polling;
  }

  async #pollForEver(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#ask();
      await pause(systemClock, pollMs, signal);
    }
  }

  async #ask(): Promise<void> {
    const sinceMs = systemClock.monotonicMs();
    try {
      const { presences, recovering } = await this.#node.api.getPresence({ userIds: [...this.#users] });
      const atMs = systemClock.monotonicMs();
      const why = recovering ? "answer, recovering" : "answer";
      for (const { userId, online, version, unknown } of presences) {
        // Who is online in a recovering answer is online.
        const isSure = !unknown && (online || !recovering);
        const belief = isSure ? (online ? "online" : "offline") : "unsure";
        this.history.statements.push({ atMs, sinceMs, userId, belief, version, why });
      }
      this.history.tellAvailability(atMs, !recovering, recovering ? whyRecovering : "answers");
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      const atMs = systemClock.monotonicMs();
      for (const userId of this.#users) {
        this.history.statements.push({ atMs, sinceMs, userId, belief: "unsure", version: 0, why: error.code });
      }
      this.history.tellAvailability(atMs, false, `${error.code}: ${error.message}`);
    }
  }
}
