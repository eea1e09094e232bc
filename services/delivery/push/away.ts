import { plainStatus, type UserStatus } from "@realchat/presence-client";
import type { HiddenState } from "../privacy/policy-directory.ts";
import { type Dot, transitionOf } from "./dot.ts";
import { noTransition } from "./shown-user.ts";

/**
 * What is known, and told, to those who may not see whether the user is online: a user who logged out when it hid, and stayed
 * away. It changes by nothing but what would change that user: presence's answers, and the end of the text.
 */
export interface Away {
  /** The state in which the user hid; undefined: it hides from some, and was never seen by them. */
  readonly hidden: HiddenState | undefined;
  /** undefined: presence would know nothing yet. */
  dot: Dot | undefined;
  told: Dot | undefined;
}

/** The contract's TransitionCause. */
const loggedOut = 3;

/**
 * What presence would answer of such a user, instead of what it answered.
 * @param answer its shard counts
 * @param dataSince since when presence's data of that shard go back: what was before, it has lost
 * @param nowMs wall clock
 */
export function answerOfAway(
  hidden: HiddenState | undefined,
  { userId, shard }: Pick<Dot, "userId" | "shard">,
  { dataSince, nowMs }: { readonly dataSince: number; readonly nowMs: number },
): Dot {
  const answer = { userId, shard, online: false, ...noTransition, devices: [] };
  if (hidden === undefined || hidden.version < dataSince) {
    // Above all that was known before the loss.
    return { ...answer, version: dataSince + 1, lastSeenMs: 0, status: plainStatus(false) };
  }
  const isForgotten = hidden.forgetMs > 0 && hidden.forgetMs <= nowMs;
  return {
    ...answer,
    version: hidden.version,
    lastSeenMs: isForgotten ? 0 : hidden.lastSeenMs,
    status: statusAt(hidden, nowMs),
  };
}

/**
 * What the feed would tell of a user who hides.
 * @param answer see answerOfAway
 * @param then the state that the user was in; undefined: not known
 */
export function leaving(answer: Dot, { sinceMs, deviceId }: HiddenState, then: Dot | undefined): Dot {
  return then?.online
    ? { ...answer, cause: loggedOut, deviceId, atUs: sinceMs * 1_000 }
    : { ...answer, ...transitionOf(then) };
}

function statusAt({ status }: HiddenState, nowMs: number): UserStatus {
  if (status === undefined) return plainStatus(false);
  const { text = "", emoji = "", untilMs = 0 } = status;
  return untilMs > 0 && untilMs <= nowMs ? plainStatus(false) : { ...plainStatus(false), text, emoji, untilMs };
}

/** Of a user who is away, when its text is over. */
export function withoutText(dot: Dot): Dot {
  return { ...dot, status: plainStatus(false) };
}
