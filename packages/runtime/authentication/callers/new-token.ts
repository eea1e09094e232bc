import { randomBytes } from "node:crypto";

/** A token that nobody can guess; by its prefix it is found where it does not belong. */
export function newToken(): string {
  return `rcp_${randomBytes(32).toString("base64url")}`;
}
