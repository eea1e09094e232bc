import { type BackoffLimits, backoffMs } from "@realchat/presence-runtime/backoff";
import { type Clock, pause, systemClock } from "@realchat/presence-runtime/clock";
import type { PresenceAccess } from "../grpc/presence-channels.ts";
import type { PresenceChange } from "../presence-change.ts";
import { PresenceClientError, type PresenceClientErrorCode, presenceClientErrorOf } from "../presence-client-error.ts";
import { checkId } from "../sessions/session-ids.ts";
import { WatchedUsers } from "./watched-users.ts";

export type PresenceNews =
  /** A user came or went, or is told for the first time. */
  | ({ readonly kind: "change" } & PresenceChange)
  /** All that happened so far has been told. */
  | { readonly kind: "synced" }
  /** From here on something may be missing; it is told before the next `synced`. */
  | { readonly kind: "unsynced"; readonly why: string };

export interface WatchOptions {
  /** At most 10,000, each of whom is told at first; or everyone, where who was never told is offline. */
  readonly users: readonly string[] | "everyone";
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** The contract's limit. */
const usersMax = 10_000;
/** P6: who lost presence tries again within 5 s. */
const reconnectPace: BackoffLimits = { firstMs: 500, capMs: 4_000 };

/**
 * Tells who is online and every change from then on, for as long as it is asked. The version rule, resets and cuts are
 * dealt with here: take each change as it comes, whatever its version. After a cut only what really changed in the
 * meantime is told. A reader that is slow is told the latest state of each user, not every change in between.
 * @throws PresenceClientError INVALID_ARGUMENT naming the option, UNAUTHENTICATED, PERMISSION_DENIED; whatever passes is
 * waited for
 */
export async function* watch(channels: PresenceAccess, options: WatchOptions): AsyncGenerator<PresenceNews> {
  const { users, signal, clock = systemClock } = options;
  refuseUsers(users);
  const watched = new WatchedUsers(channels.api, users, clock, signal);
  let failures = 0;
  while (!signal?.aborted) {
    const why = { message: "the stream has ended" };
    try {
      for await (const news of watched.follow()) {
        if (news.kind === "synced") failures = 0;
        yield news;
      }
    } catch (thrown) {
      const error = presenceClientErrorOf(thrown);
      if (hopeless.has(error.code)) throw error;
      why.message = error.message;
    }
    if (signal?.aborted) return;
    if (watched.leaveSync()) yield { kind: "unsynced", why: why.message };
    await untilServing(channels, backoffMs(failures++, reconnectPace, clock), clock, signal);
  }
}

const hopeless: ReadonlySet<PresenceClientErrorCode> = new Set([
  "INVALID_ARGUMENT",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "UNIMPLEMENTED",
]);

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
