import { plainStatus } from "@realchat/presence-client";
import { everything, serialise } from "../../privacy/policy.ts";
import type { SelfMessage, SelfView } from "../../self/self.ts";
import { statusOf } from "./json-frames.ts";
import { textFrame } from "./message-frame.ts";

/** Frames about the user whose socket it is, of the sub-protocol realchat.presence.v1.json: docs/websocket.md */

/** Of most users at most times. */
const plainFrame = frameOf({ status: plainStatus(true), policy: everything });

export function selfFrame(view: SelfView): Buffer {
  const isPlain = view.status === plainStatus(true) && view.policy === everything;
  return isPlain ? plainFrame : frameOf(view);
}

function frameOf({ status, policy }: SelfView): Buffer {
  const text = JSON.stringify({ type: "self", ...statusOf(status) });
  return textFrame(policy === undefined ? text : `${text.slice(0, -1)},"policy":${serialise(policy)}}`);
}

export function refusedFrame(what: SelfMessage, why: string): Buffer {
  return textFrame(JSON.stringify({ type: "refused", what, why }));
}
