import { presence } from "@realchat/presence-proto";

/** `EXPIRED` for TRANSITION_CAUSE_EXPIRED. */
export function causeName(cause: presence.TransitionCause): string {
  return presence.transitionCauseToJSON(cause).replace("TRANSITION_CAUSE_", "");
}
