import { pageTokenRefused } from "../domain/presence-error.ts";

/** What a listing is of: a token of another one is refused. */
export type Listing = readonly [kind: "user" | "instance" | "leases", id: string];

/** @param cursor where the next page begins; empty: there is none */
export function pageTokenOf([kind, id]: Listing, cursor: string): string {
  return cursor === "" ? "" : Buffer.from(JSON.stringify([kind, id, cursor])).toString("base64url");
}

/**
 * @returns the cursor; empty for the first page
 * @throws PresenceError INVALID_ARGUMENT
 */
export function cursorIn(pageToken: string, [kind, id]: Listing): string {
  if (pageToken === "") return "";
  const fields = parse(pageToken);
  if (Array.isArray(fields) && fields.length === 3 && fields[0] === kind && fields[1] === id) {
    const cursor: unknown = fields[2];
    if (typeof cursor === "string" && cursor !== "") return cursor;
  }
  throw pageTokenRefused();
}

function parse(pageToken: string): unknown {
  try {
    return JSON.parse(Buffer.from(pageToken, "base64url").toString());
  } catch {
    return undefined;
  }
}
