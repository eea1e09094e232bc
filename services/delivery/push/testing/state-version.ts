import type { ShownUser } from "../shown-user.ts";

/** @returns presence's version of a state that is shown whole; 0: it is not */
export function stateVersion(user: ShownUser): number {
  return "version" in user && typeof user.version === "number" ? user.version : 0;
}
