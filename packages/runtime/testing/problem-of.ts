import type { ValueKind } from "../settings/setting.ts";

/** What is said of a wrong text; undefined when it is right. */
export function problemOf<T>(kind: ValueKind<T>, text: string): string | undefined {
  return kind.schema.safeParse(text).error?.issues[0]?.message;
}
