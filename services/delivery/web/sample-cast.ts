import { readFileSync } from "node:fs";
import { type AudienceChange, beforeAllRecords } from "../audience/directory.ts";

interface SampleCast {
  readonly people: readonly { readonly id: string }[];
  readonly conversations: readonly { readonly id: string; readonly participants: readonly string[] }[];
  /** Pairs of mutual contacts. */
  readonly contacts: readonly (readonly [string, string])[];
  /** Pairs of which the first blocks the second. */
  readonly blocks: readonly (readonly [string, string])[];
}

/** The relations of the people that the page offers to sign in as; for a directory without another source. */
export function sampleAudience(): AudienceChange[] {
  const { conversations, contacts, blocks } = readCast();
  const at = beforeAllRecords;
  return [
    ...conversations.map(({ id, participants }) => ({
      at,
      kind: "conversation" as const,
      conversationId: id,
      participants,
    })),
    ...contacts
      .flatMap(([one, other]) => [[one, other] as const, [other, one] as const])
      .map(([userId, contactId]) => ({ at, kind: "contact-added" as const, userId, contactId })),
    ...blocks.map(([userId, blockedId]) => ({ at, kind: "blocked" as const, userId, blockedId })),
  ];
}

function readCast(): SampleCast {
  return JSON.parse(readFileSync(new URL("./sample-cast.json", import.meta.url), "utf8")) as SampleCast;
}
