import { readFileSync } from "node:fs";
import { type AudienceChange, beforeAllRecords } from "../audience/directory.ts";

interface SampleCast {
  readonly people: readonly { readonly id: string }[];
  readonly conversations: readonly { readonly id: string; readonly participants: readonly string[] }[];
  /** Pairs of whom each has the other as a contact. */
  readonly contacts: readonly (readonly [string, string])[];
  /** Who blocks whom. */
  readonly blocks: readonly (readonly [string, string])[];
}

/** The relations of those whom the page offers to sign in as, for a directory that nothing else feeds. */
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
