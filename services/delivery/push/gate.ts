import { plainStatus } from "@realchat/presence-client";
import type { Sight } from "../privacy/judge.ts";
import type { Dot } from "./dot.ts";
import { noTransition, type ShownUser } from "./shown-user.ts";

/** What is told of a user; undefined: nothing yet. */
export interface Told {
  /** To those who may see whether the user is online. */
  readonly dot: Dot | undefined;
  /** To the others: see Away. */
  readonly away: Dot | undefined;
  /** Whether the user hides: then only those who see through that may see the truth. */
  readonly isHiding: boolean;
}

/** What is shown of a user, field by field. Nothing else decides it, and frames are built of nothing else. */
export function shownBy(sight: Sight, { dot, away, isHiding }: Told): ShownUser | undefined {
  const isTruth = sight.online && (sight.seesHidden || !isHiding);
  const state = isTruth ? dot : away;
  return state?.online ? online(sight, state) : state && offline(sight, state);
}

function online(sight: Sight, dot: Dot): ShownUser {
  if (sight.devices && sight.status) return dot;
  const { userId, cause, atUs, deviceId, devices, status } = dot;
  return {
    ...{ userId, online: true, lastSeenMs: 0, cause, atUs },
    deviceId: sight.devices ? deviceId : "",
    devices: sight.devices ? devices : undefined,
    status: sight.status ? status : plainStatus(true),
  };
}

/** When and why somebody left, and from which device, is as much as when that user was last seen. */
function offline(sight: Sight, dot: Dot): ShownUser {
  if (sight.lastSeen && sight.devices && sight.status) return dot;
  const { userId, lastSeenMs, cause, atUs, deviceId, status } = dot;
  return {
    // The devices of who is offline are none for everybody: their absence would tell that there are some.
    ...{ userId, online: false, lastSeenMs: 0, ...noTransition, devices: [] },
    ...(sight.lastSeen && { lastSeenMs, cause, atUs, deviceId: sight.devices ? deviceId : "" }),
    status: sight.status ? status : plainStatus(false),
  };
}
