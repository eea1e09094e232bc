import { wrongWithId } from "@realchat/presence-runtime";

/** Whether it is an id, of a user or a conversation. */
export function isId(value: unknown): value is string {
  return wrongWithId(value) === undefined;
}
