import type { UserStatus } from "@realchat/presence-client";
import { statusOf } from "./json-frames.ts";
import { textFrame } from "./message-frame.ts";

/** Frames about the user whose socket it is, of the sub-protocol realchat.presence.v1.json: docs/websocket.md */

export function selfFrame(status: UserStatus): Buffer {
  return textFrame(JSON.stringify({ type: "self", ...statusOf(status) }));
}

/** @param what the type of the message that was refused */
export function refusedFrame(what: string, why: string): Buffer {
  return textFrame(JSON.stringify({ type: "refused", what, why }));
}
