import { plainStatus } from "@realchat/presence-client";
import type { Sight } from "../privacy/judge.ts";
import type { Dot } from "./dot.ts";
import { noTransition, type ShownUser } from "./shown-user.ts";

/**
 * What is shown of a user, field by field. Nothing else decides it, and frames are built of nothing else.
 * @param hidden the state in which the user hid; undefined: the user does not hide
 */
export function shownBy(sight: Sight, dot: Dot, hidden: Dot | undefined): ShownUser {
  const state = sight.seesHidden ? dot : (hidden ?? dot);
  if (state.online) return sight.online ? online(sight, state) : absent(state.userId);
  return offline(sight, state);
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
    ...absent(userId),
    ...(sight.lastSeen && { lastSeenMs, cause, atUs, deviceId: sight.devices ? deviceId : "" }),
    status: sight.status ? status : plainStatus(false),
  };
}

/** The devices of who is offline are none for everybody: their absence would tell that there are some. */
function absent(userId: string): ShownUser {
  return { userId, online: false, lastSeenMs: 0, ...noTransition, devices: [], status: plainStatus(false) };
}
