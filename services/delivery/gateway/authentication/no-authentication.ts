import { wrongWithId } from "@realchat/presence-runtime";
import type { Authenticator } from "./authenticator.ts";

/** Accepts the user_id of the query without a check: for a developer's machine. */
export const noAuthentication: Authenticator = {
  needsToken: false,
  async authenticate({ userId }) {
    const wrong = userId === undefined ? "is missing" : wrongWithId(userId);
    if (userId === undefined || wrong !== undefined) {
      return { kind: "bad_request", message: `user_id ${wrong}: open /ws?user_id=…&device_id=…` };
    }
    return { kind: "user", userId, expiresAtMs: undefined };
  },
};
