import type { presence } from "@realchat/presence-proto";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { type Answers, CallFailure, type PresenceClient } from "../../services/presence/testing/presence-client.ts";
import { type Belief, ReaderHistory, whyRecovering } from "../history/reader-history.ts";
import { causeName } from "./cause-name.ts";

/** `WatchPresence` of everyone at one node, again and again, as the contract says. */
export class WatchReader {
  readonly history: ReaderHistory;
  readonly #node: PresenceClient;
  readonly #users: readonly string[];
  readonly #stopped = new AbortController();
  readonly #watching: Promise<void>;
  #stream: Answers<presence.WatchPresenceResponse> | undefined;
  /** What is held of each user; of the stream that runs now. */
  #held = new Map<string, { online: boolean; version: number }>();
  /** Who was in the snapshot that is coming in. */
  #isSynced = false;

  constructor(options: { index: number; node: PresenceClient; users: readonly string[] }) {
    this.history = new ReaderHistory(`the watcher at node ${options.index}`, "watch", options.index);
    this.#node = options.node;
    this.#users = options.users;
    this.#watching = this.#watchForEver();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#stream?.cancel();
    await this.#watching;
  }

  async #watchForEver(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        this.#held = new Map();
        this.#stream = this.#node.api.watchPresence({ userIds: [] });
        for await (const message of this.#stream) {
          if (signal.aborted) return;
          this.#take(message);
        }
        this.#doubt("the stream ended");
      } catch (error) {
        if (!(error instanceof CallFailure)) throw error;
        if (!signal.aborted) this.#doubt(`${error.code}: ${error.message}`);
      }
      await pause(systemClock, 250, signal);
    }
  }

  #take(message: presence.WatchPresenceResponse): void {
    if (message.reset) {
      this.#held = new Map();
      this.#isSynced = false;
    }
    if (message.recovering) this.#doubt(whyRecovering);
    for (const { userId, online, version, unknown } of message.snapshot) {
      if (!unknown) this.#apply(userId, online, version, "snapshot");
    }
    for (const { userId, status, version, shard, cause } of message.updates) {
      const online = status === 1;
      const atMs = systemClock.monotonicMs();
      this.history.transitions.push({ atMs, userId, online, version, shard, cause: causeName(cause) });
      this.#apply(userId, online, version, `update ${causeName(cause)}`);
    }
    // A snapshot that was made while the store recovers says nothing of who is not in it.
    if (message.snapshotComplete && !message.recovering) this.#settle();
  }

  #apply(userId: string, online: boolean, version: number, why: string): void {
    const known = this.#held.get(userId);
    if (known !== undefined && version <= known.version) return;
    this.#held.set(userId, { online, version });
    if (this.#isSynced) this.#state(userId, online ? "online" : "offline", version, why);
  }

  #settle(): void {
    this.#isSynced = true;
    this.history.tellAvailability(systemClock.monotonicMs(), true, "synced");
    for (const userId of this.#users) {
      const held = this.#held.get(userId);
      this.#state(userId, held?.online ? "online" : "offline", held?.version ?? 0, "snapshot");
    }
  }

  #doubt(why: string): void {
    this.#isSynced = false;
    this.history.tellAvailability(systemClock.monotonicMs(), false, why);
    for (const userId of this.#users) this.#state(userId, "unsure", 0, why);
  }

  #state(userId: string, belief: Belief, version: number, why: string): void {
    const atMs = systemClock.monotonicMs();
    this.history.statements.push({ atMs, sinceMs: atMs, userId, belief, version, why });
  }
}
