import { presence } from "@realchat/presence-proto";
import { waitUntil } from "@realchat/presence-testing";
import type { Answers, PresenceClient } from "../../testing/presence-client.ts";

const { PRESENCE_STATUS_ONLINE } = presence.PresenceStatus;

/** What a WatchPresence call has told so far. */
export class Watched {
  readonly snapshot: presence.UserPresence[] = [];
  readonly updates: presence.PresenceUpdateEvent[] = [];
  isComplete = false;
  resets = 0;
  /** How it ended; undefined while it goes on. */
  failure: unknown;
  readonly #answers: Answers<presence.WatchPresenceResponse>;

  private constructor(answers: Answers<presence.WatchPresenceResponse>) {
    this.#answers = answers;
  }

  /** Resolves when the snapshot is complete. */
  static async start(client: PresenceClient, userIds: string[]): Promise<Watched> {
    const watched = new Watched(client.api.watchPresence({ userIds }));
    void watched.#read();
    await waitUntil(() => watched.isComplete, { what: "the snapshot is complete" });
    return watched;
  }

  /** `+` online, `-` offline, with the version: `["+17", "-23"]`. */
  changesOf(userId: string): string[] {
    return this.updates
      .filter((update) => update.userId === userId)
      .map(({ status, version }) => `${status === PRESENCE_STATUS_ONLINE ? "+" : "-"}${version}`);
  }

  /** Resolves with the user's update number `count`, counted from 1. */
  async update(userId: string, count: number, deadlineMs?: number): Promise<presence.PresenceUpdateEvent> {
    const find = () => this.updates.filter((update) => update.userId === userId)[count - 1];
    return (await waitUntil(find, {
      what: `update ${count} of ${userId} is told`,
      deadlineMs,
    })) as presence.PresenceUpdateEvent;
  }

  close(): void {
    this.#answers.cancel();
  }

  async #read(): Promise<void> {
    try {
      for await (const answer of this.#answers) {
        this.snapshot.push(...answer.snapshot);
        this.updates.push(...answer.updates);
        this.isComplete ||= answer.snapshotComplete;
        if (answer.reset) this.resets++;
      }
    } catch (error) {
      this.failure = error;
    }
  }
}
