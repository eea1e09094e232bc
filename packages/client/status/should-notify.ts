import { durationMs } from "@realchat/presence-proto/duration";
import { Notify_Decision as Decision, type Notify as Told } from "@realchat/presence-proto/presence";
import { type Clock, pause, systemClock } from "@realchat/presence-runtime/clock";
import { faultOfId } from "@realchat/presence-runtime/ids";
import type { PresenceAccess } from "../grpc/presence-channels.ts";

/** Whether somebody is to be notified elsewhere, such as by a push to the phone. `reason` is for logs. */
export type Notify = { readonly userId: string; readonly reason: string } & (
  | { readonly decision: "now" }
  /** The user left the device a moment ago: ask again then. */
  | { readonly decision: "later"; readonly afterMs: number }
  /** The user attends, or is not to be disturbed. */
  | { readonly decision: "not" }
);

/** The contract allows ten times as many; a call that fails says nothing of all in it. */
const callMaxUsers = 1_000;
/** Presence never asks for as long; ms. */
const laterMaxMs = 600_000;

/**
 * Asks presence, and never rejects: of whom presence does not tell, in time and clearly, it says `now`. Nobody may miss a
 * message because presence is away.
 * @param options.timeoutMs how long to wait for the answer; default 1,000
 * @returns one for each, in the order asked
 */
export async function shouldNotify(
  { api }: Pick<PresenceAccess, "api">,
  userIds: readonly string[],
  { timeoutMs = 1_000, clock = systemClock }: { readonly timeoutMs?: number; readonly clock?: Clock } = {},
): Promise<readonly Notify[]> {
  const askable = [...new Set(userIds)].filter((userId) => faultOfId(userId) === undefined);
  const answers = new Map<string, Told>();
  const ask = async (page: string[]) => {
    const { users } = await api.shouldNotify({ userIds: page }, { timeoutMs });
    for (const told of users) answers.set(told.userId, told);
  };
  const pages = Array.from({ length: Math.ceil(askable.length / callMaxUsers) }, (_, page) =>
    ask(askable.slice(page * callMaxUsers, (page + 1) * callMaxUsers)),
  );
  const enough = new AbortController();
  const answered = Promise.allSettled(pages).then(() => enough.abort());
  // A call may wait for longer, as for the first look-up of a name.
  await Promise.race([answered, pause(clock, timeoutMs, enough.signal)]);
  enough.abort();
  return userIds.map((userId) => notifyOf(userId, answers.get(userId)));
}

function notifyOf(userId: string, told: Told | undefined): Notify {
  if (told === undefined) return { userId, decision: "now", reason: "unanswered" };
  const { decision, after, reason } = told;
  const afterMs = after === undefined ? 0 : Math.ceil(durationMs(after));
  if (decision === Decision.NOT) return { userId, decision: "not", reason };
  if (decision === Decision.LATER && afterMs > 0 && afterMs <= laterMaxMs) {
    return { userId, decision: "later", afterMs, reason };
  }
  return { userId, decision: "now", reason };
}
