import { readFileSync } from "node:fs";
import { z } from "zod";
import type { ValueKind } from "./setting.ts";

/** Path of a file whose text, without the blanks around it, is a value of this kind; read at start. */
export function fileOf<T>(kind: ValueKind<T>): ValueKind<T> {
  const schema = z.string().transform((path, context) => {
    const refuse = (message: string) => {
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    };
    try {
      const parsed = kind.schema.safeParse(readFileSync(path, "utf8").trim());
      return parsed.success ? parsed.data : refuse(`${parsed.error.issues[0]?.message}`);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return refuse(`cannot be read (${why}): give the path of a file`);
    }
  });
  return { placeholder: "file", schema, show: (value) => kind.show(value) };
}
