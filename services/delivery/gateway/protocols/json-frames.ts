import { type Availability, plainStatus, type UserStatus } from "@realchat/presence-client";
import type { FrameFormat } from "../../push/frame-format.ts";
import type { ShownUser } from "../../push/shown-user.ts";
import { textFrame } from "./message-frame.ts";

export const jsonProtocol = "realchat.presence.v1.json";

/** The contract's TransitionCause in the words of the protocol, each at its number; of coming and going. */
const causes = [
  undefined,
  "connected",
  "disconnected",
  "logged_out",
  "connection_lost",
  "expired",
  "restated",
  "instance_lost",
  "forced",
] as const;

const availabilities: Readonly<Record<Availability, string>> = {
  ...{ available: "available", away: "away", busy: "busy", "do-not-disturb": "do_not_disturb" },
};

/** Frames of the sub-protocol realchat.presence.v1.json: docs/websocket.md */
export const jsonFrames: FrameFormat = {
  isBinary: false,
  includesDevices: true,
  snapshot: (users, version) => [usersFrame("snapshot", users, version)],
  presence: (users, version) => [usersFrame("presence", users, version)],
  hidden: (userIds) => [frameOf({ type: "hidden", users: userIds })],
  stale: (isStale) => (isStale ? staleFrames : currentFrames),
  pong: () => pongFrames,
};

const staleFrames = [frameOf({ type: "stale", stale: true })];
const currentFrames = [frameOf({ type: "stale", stale: false })];
const pongFrames = [frameOf({ type: "pong" })];

function frameOf(message: object): Buffer {
  return textFrame(JSON.stringify(message));
}

/** Texts of users but for the version, for other frames: those who connect together watch each other. */
const userTexts = new Map<ShownUser, string>();
const userTextsMax = 4_096;

function usersFrame(type: "snapshot" | "presence", users: readonly ShownUser[], version: number): Buffer {
  const end = `,"version":${version}}`;
  let text = "";
  for (const user of users) text += (text === "" ? "" : ",") + userTextOf(user) + end;
  return textFrame(`{"type":"${type}","users":[${text}]}`);
}

/** @returns without the closing brace */
function userTextOf(user: ShownUser): string {
  let text = userTexts.get(user);
  if (text === undefined) {
    text = JSON.stringify(userOf(user)).slice(0, -1);
    if (userTexts.size >= userTextsMax) userTexts.clear();
    userTexts.set(user, text);
  }
  return text;
}

function userOf(user: ShownUser) {
  const cause = causes[user.cause];
  return {
    id: user.userId,
    online: user.online,
    ...(!user.online && user.lastSeenMs !== 0 && { lastSeen: user.lastSeenMs }),
    ...(cause !== undefined && { cause }),
    ...(user.atUs !== 0 && { at: Math.floor(user.atUs / 1000) }),
    ...(user.deviceId !== "" && { device: user.deviceId }),
    ...(user.devices !== undefined && { devices: user.devices }),
    ...(user.status !== plainStatus(user.online) && statusOf(user.status)),
  };
}

export function statusOf({ availability, text, emoji, untilMs, idleSinceMs }: UserStatus) {
  const status = {
    ...(text !== "" && { text }),
    ...(emoji !== "" && { emoji }),
    ...(untilMs !== 0 && { until: untilMs }),
  };
  return {
    ...(availability !== undefined && { availability: availabilities[availability] }),
    ...(Object.keys(status).length > 0 && { status }),
    ...(idleSinceMs !== 0 && { idleSince: idleSinceMs }),
  };
}
