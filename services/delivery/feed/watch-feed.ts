import { type PresenceAccess, type PresenceWatch, watch } from "@realchat/presence-client";
import type { Clock } from "@realchat/presence-runtime";
import type { FeedListener, FeedMetrics, PresenceFeed } from "./feed.ts";

/** Hears of changes from presence itself, over one WatchPresence stream for everyone: where there is no Kafka. */
export class WatchFeed implements PresenceFeed {
  readonly kind = "watch";
  readonly #watch: PresenceWatch;
  readonly #onEnd: (error: unknown) => void;
  readonly #stop = new AbortController();
  #health = { ready: false, detail: "connecting to presence" };
  #done: Promise<void> = Promise.resolve();

  /** @param options.onEnd presence refuses to be watched, for good: the gateway goes on without hearing of changes */
  constructor({ channels, clock, onEnd }: { channels: PresenceAccess; clock: Clock; onEnd: (error: unknown) => void }) {
    this.#watch = watch(channels, { users: "everyone", signal: this.#stop.signal, clock });
    this.#onEnd = onEnd;
  }

  async start(listener: FeedListener): Promise<void> {
    this.#done = this.#follow(listener).catch((error: unknown) => {
      this.#health = { ready: false, detail: error instanceof Error ? error.message : String(error) };
      this.#onEnd(error);
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  health(): { readonly ready: boolean; readonly detail: string } {
    return this.#health;
  }

  /** Presence tells nobody of what it lost but by a gap, and never the same twice. */
  metrics(): FeedMetrics {
    const { changes, gaps, failures, usersRemembered } = this.#watch.metrics();
    return {
      records: { told: changes, repeated: 0, unreadable: 0 },
      faults: { gap: gaps, reset: 0, failure: failures },
      usersRemembered,
    };
  }

  async #follow(listener: FeedListener): Promise<void> {
    for await (const news of this.#watch) {
      switch (news.kind) {
        case "change": {
          const { cause = 0, deviceId = "", instanceId = "", ...state } = news;
          listener.update({ ...state, cause, deviceId, instanceId });
          break;
        }
        case "synced":
          this.#health = { ready: true, detail: "watches everyone" };
          // What presence lost, it does not tell of: those who are watched are looked at.
          listener.gap();
          break;
        case "unsynced":
          this.#health = { ready: false, detail: news.why };
          break;
      }
    }
  }
}
