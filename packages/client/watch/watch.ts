import { type BackoffLimits, backoffMs } from "@realchat/presence-runtime/backoff";
import { type Clock, pause, systemClock } from "@realchat/presence-runtime/clock";
import type { PresenceAccess } from "../grpc/presence-channels.ts";
import { PresenceClientError, type PresenceClientErrorCode, presenceClientErrorOf } from "../presence-client-error.ts";
import { checkId } from "../sessions/session-ids.ts";
import type { PresenceNews } from "./presence-news.ts";
import { WatchedUsers } from "./watched-users.ts";

export interface WatchOptions {
  /** At most 10,000, each of whom is told at first; or everyone, where who was never told is offline. */
  readonly users: readonly string[] | "everyone";
  /**
   * For a reader that asks presence for users besides, and goes by versions: once all has been told, each newer version of a user is
   * told, also one that says what was told before; in between the reader may have been answered something else. Default: false.
   */
  readonly repeats?: boolean;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** The contract's limit. */
const usersMax = 10_000;
/** P6: who lost presence tries again within 5 s. */
const reconnectPace: BackoffLimits = { firstMs: 500, capMs: 4_000 };

/** Metrics since the start, and of now. */
export interface WatchMetrics {
  /** Changes that were told. */
  readonly changes: number;
  /** Times that something may have been missed for a while. */
  readonly gaps: number;
  /** Streams that ended without being asked to. */
  readonly failures: number;
  /** Users whose state is remembered: those of the list; or all who are online, and 10,000 of those who left. */
  readonly usersRemembered: number;
}

/**
 * Tells who is online and every change from then on, for as long as it is asked: iterate it once. The version rule, resets and cuts are
 * dealt with here: take each change as it comes, whatever its version. After a cut only what really changed in the
 * meantime is told. A reader that is slow is told the latest state of each user, not every change in between.
 * @throws PresenceClientError INVALID_ARGUMENT naming the option, UNAUTHENTICATED, PERMISSION_DENIED; whatever passes is
 * waited for
 */
export function watch(channels: PresenceAccess, options: WatchOptions): PresenceWatch {
  return new PresenceWatch(channels, options);
}

/** See `watch`. */
export class PresenceWatch implements AsyncIterable<PresenceNews>, AsyncDisposable {
  readonly #channels: PresenceAccess;
  readonly #clock: Clock;
  readonly #closed = new AbortController();
  readonly #watched: WatchedUsers;
  readonly #counters = { changes: 0, gaps: 0, failures: 0 };

  constructor(channels: PresenceAccess, { users, repeats = false, signal, clock = systemClock }: WatchOptions) {
    refuseUsers(users);
    this.#channels = channels;
    this.#clock = clock;
    this.#watched = new WatchedUsers({ api: channels.api, users, repeats, clock, signal: this.#closed.signal });
    signal?.addEventListener("abort", () => this.close(), { once: true });
    if (signal?.aborted) this.close();
  }

  metrics(): WatchMetrics {
    return { ...this.#counters, usersRemembered: this.#watched.size };
  }

  /** Ends the iteration. */
  async close(): Promise<void> {
    this.#closed.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<PresenceNews> {
    for await (const all of this.#follow()) {
      for (const news of all) {
        if (news.kind === "change") this.#counters.changes++;
        if (news.kind === "unsynced") this.#counters.gaps++;
        yield news;
      }
    }
  }

  async *#follow(): AsyncGenerator<readonly PresenceNews[]> {
    const { signal } = this.#closed;
    let failuresInRow = 0;
    let wasSynced = false;
    while (!signal.aborted) {
      const why = { message: "the stream has ended" };
      try {
        for await (const news of this.#watched.follow()) {
          if (news.some(({ kind }) => kind === "synced")) {
            failuresInRow = 0;
            wasSynced = true;
          }
          yield news;
        }
      } catch (thrown) {
        const error = presenceClientErrorOf(thrown);
        if (hopeless.has(error.code) || (!wasSynced && refused.has(error.code))) throw error;
        why.message = error.message;
      }
      if (signal.aborted) return;
      this.#counters.failures++;
      if (this.#watched.leaveSync()) yield [{ kind: "unsynced", why: why.message }];
      const waitMs = backoffMs(failuresInRow++, reconnectPace, this.#clock);
      await untilServing(this.#channels, waitMs, this.#clock, signal);
    }
  }
}

const hopeless: ReadonlySet<PresenceClientErrorCode> = new Set(["INVALID_ARGUMENT", "UNIMPLEMENTED"]);
/** Of who was served before: a token that is being replaced is not everywhere at the same time. */
const refused: ReadonlySet<PresenceClientErrorCode> = new Set(["UNAUTHENTICATED", "PERMISSION_DENIED"]);

function refuseUsers(users: readonly string[] | "everyone"): void {
  if (users === "everyone") return;
  if (users.length === 0) throw new PresenceClientError("INVALID_ARGUMENT", 'users is empty: name some, or "everyone"');
  if (users.length > usersMax) {
    const message = `users has ${users.length} entries, limit ${usersMax}: watch everyone, or split the watch`;
    throw new PresenceClientError("INVALID_ARGUMENT", message);
  }
  for (const [index, user] of users.entries()) checkId(`users[${index}]`, user);
}

/** Resolves after `waitMs`; sooner, at a random moment, when a node serves again. */
async function untilServing(
  channels: PresenceAccess,
  waitMs: number,
  clock: Clock,
  signal?: AbortSignal,
): Promise<void> {
  const enough = new AbortController();
  const stop = () => enough.abort();
  signal?.addEventListener("abort", stop, { once: true });
  const cancel = channels.onServing(() => pause(clock, clock.random() * 500, enough.signal).then(stop));
  await pause(clock, waitMs, enough.signal);
  cancel();
  stop();
  signal?.removeEventListener("abort", stop);
}
