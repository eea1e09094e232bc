import { type Availability, plainStatus, type UserStatus } from "@realchat/presence-client";
import type { Dot } from "../../push/dot.ts";
import type { FrameFormat } from "../../push/frame-format.ts";
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
  snapshot: (dots) => [dotsFrame("snapshot", dots)],
  presence: (dots) => [dotsFrame("presence", dots)],
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

/** Texts of users' states, for other frames: those who connect together watch each other. */
const userTexts = new Map<Dot, string>();
const userTextsMax = 4_096;

function dotsFrame(type: "snapshot" | "presence", dots: readonly Dot[]): Buffer {
  return textFrame(`{"type":"${type}","users":[${dots.map(userTextOf).join(",")}]}`);
}

function userTextOf(dot: Dot): string {
  let text = userTexts.get(dot);
  if (text === undefined) {
    text = JSON.stringify(userOf(dot));
    if (userTexts.size >= userTextsMax) userTexts.clear();
    userTexts.set(dot, text);
  }
  return text;
}

// Without the instance: which of our machines somebody is connected to is nobody's business.
function userOf(dot: Dot) {
  const cause = causes[dot.cause];
  return {
    id: dot.userId,
    online: dot.online,
    version: dot.version,
    ...(!dot.online && dot.lastSeenMs !== 0 && { lastSeen: dot.lastSeenMs }),
    ...(cause !== undefined && { cause }),
    ...(dot.atUs !== 0 && { at: Math.floor(dot.atUs / 1000) }),
    ...(dot.deviceId !== "" && { device: dot.deviceId }),
    ...(dot.devices !== undefined && { devices: dot.devices }),
    ...(dot.status !== plainStatus(dot.online) && statusOf(dot.status)),
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
