import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@realchat/presence-testing";

/** A line of an audience file, as `audience import` reads it. */
export type Relation =
  | { readonly conversation_id: string; readonly participants: readonly string[] }
  | { readonly user_id: string; readonly contact_id: string }
  | { readonly user_id: string; readonly privacy: Readonly<Record<string, unknown>> };

/** @returns the path of an audience file that is gone when this process is */
export function audienceFile(relations: Iterable<Relation>): string {
  const path = join(temporaryFolder("relations").path, "relations.jsonl");
  writeFileSync(path, [...relations].map((relation) => `${JSON.stringify(relation)}\n`).join(""));
  return path;
}

/** Each has the other as a contact. */
export function knowEachOther(one: string, other: string): Relation[] {
  return [
    { user_id: one, contact_id: other },
    { user_id: other, contact_id: one },
  ];
}
