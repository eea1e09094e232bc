import { type PresenceAccess, type PresenceWatch, watch } from "@realchat/presence-client";
import type { Clock } from "@realchat/presence-runtime";
import type { FeedListener, FeedMetrics, PresenceFeed } from "./feed.ts";

/** Receives transitions from presence itself, over one WatchPresence stream for all users; used without Kafka. */
export class WatchFeed implements PresenceFeed {
  readonly kind = "watch";
  readonly #watch: PresenceWatch;
  readonly #onEnd: (error: unknown) => void;
  readonly #stop = new AbortController();
  #health = { ready: false, detail: "connecting to presence" };
  #done: Promise<void> = Promise.resolve();

  /** @param options.onEnd called when presence refuses the stream for good: the gateway goes on without a feed */
  constructor({ channels, clock, onEnd }: { channels: PresenceAccess; clock: Clock; onEnd: (error: unknown) => void }) {
    // Users are looked up besides: a look-up may turn a dot grey, and what turns it green again is news to this gateway alone.
    this.#watch = watch(channels, { users: "everyone", repeats: true, signal: this.#stop.signal, clock });
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

  /** Presence itself knows what was lost: after a loss it tells anew, and the watch finds out who is gone. */
  floorOf(): number {
    return 0;
  }

  health(): { readonly ready: boolean; readonly detail: string } {
    return this.#health;
  }

  /** Over this stream presence reports lost data only as a gap, and tells no version twice. */
  metrics(): FeedMetrics {
    const { changes, gaps, failures, usersRemembered } = this.#watch.metrics();
    return {
      records: { told: changes, repeated: 0, outdated: 0, unreadable: 0 },
      faults: { gap: gaps, reset: 0, failure: failures },
      usersRemembered,
      floors: 0,
    };
  }

  async #follow(listener: FeedListener): Promise<void> {
    for await (const news of this.#watch) {
      switch (news.kind) {
        case "change": {
          const { cause = 0, deviceId = "" } = news;
          listener.update({ ...news, cause, deviceId }, undefined);
          break;
        }
        case "synced":
          this.#isListening("watches everyone", listener);
          break;
        // Changes go on, and dots that are right stay right: nothing that a client is to be told of.
        case "recovering":
          this.#isListening("watches everyone; presence lost data, and recovers", listener);
          break;
        case "unsynced":
          this.#health = { ready: false, detail: news.why };
          break;
      }
    }
  }

  #isListening(detail: string, listener: FeedListener): void {
    const wasReady = this.#health.ready;
    this.#health = { ready: true, detail };
    // Presence does not say what was missed: all watched users are looked up.
    if (!wasReady) listener.gap();
  }
}
