import { rpcCodes } from "@realchat/presence-rpc";
import { PresenceError } from "../domain/presence-error.ts";

/** How one entry of a batch ended: `code` is a google.rpc.Code. */
interface EntryStatus {
  readonly code: number;
  readonly message: string;
}

export const entryDone: EntryStatus = { code: rpcCodes.OK, message: "" };

/**
 * The status that a call of its own would have ended with. An entry has no place for advice when to try again; without
 * it RESOURCE_EXHAUSTED would read as a limit that stays, so whatever comes with advice is UNAVAILABLE.
 * @param onInternalError hears of what is no answer but a fault of ours
 */
export function entryStatusOf(error: unknown, onInternalError: (error: unknown) => void): EntryStatus {
  if (error instanceof PresenceError) {
    const code = error.retryAfterMs === undefined ? error.code : "UNAVAILABLE";
    return { code: rpcCodes[code], message: error.message };
  }
  onInternalError(error);
  return { code: rpcCodes.INTERNAL, message: "internal error: the server's log has more" };
}
