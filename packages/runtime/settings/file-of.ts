import { readFileSync } from "node:fs";
import { z } from "zod";
import type { ValueKind } from "./setting.ts";

/** A value that stands in a file of its own. */
interface FileContent<T> {
  readonly path: string;
  readonly content: T;
}

const maxBytes = 64 * 1024;

/** Path of a file that holds nothing but a text of this kind; a line's end at its end is not part of it. */
export function fileOf<T>(kind: ValueKind<T>): ValueKind<FileContent<T>> {
  const schema = z.string().transform((path, context) => {
    const wrong = (why: string) => {
      context.addIssue({ code: "custom", message: why });
      return z.NEVER;
    };
    try {
      const text = readFileSync(path, "utf8").replace(/\r?\n$/, "");
      if (text === "") return wrong("is empty: give the path of a file with the value and nothing else");
      if (Buffer.byteLength(text) > maxBytes) return wrong(`is too long: give a file of at most ${maxBytes} bytes`);
      const { success, data, error } = kind.schema.safeParse(text);
      return success ? { path, content: data } : wrong(`holds what ${error.issues[0]?.message}`);
    } catch (error) {
      return wrong(`cannot be read (${error instanceof Error ? error.message : String(error)}): give another path`);
    }
  });
  return { placeholder: "file", schema, show: ({ path }) => path, readsFile: true };
}
