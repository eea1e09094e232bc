import { readFileSync } from "node:fs";
import { z } from "zod";
import { type ListedCaller, parseCallers } from "../authentication/callers/caller-list.ts";
import type { ValueKind } from "./setting.ts";

interface CallersFile {
  readonly path: string;
  readonly listed: readonly ListedCaller[];
}

/** Path of a list of callers; read and checked at start. */
export const callersFile: ValueKind<CallersFile> = {
  placeholder: "file",
  schema: z.string().transform((path, context) => {
    try {
      return { path, listed: parseCallers(readFileSync(path, "utf8")) };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const right = "give a file with a line for each caller: NAME SCOPE,SCOPE SHA-256-OF-ITS-TOKEN";
      context.addIssue({ code: "custom", message: `has no usable callers (${why}): ${right}` });
      return z.NEVER;
    }
  }),
  show: ({ path }) => path,
  readsFile: true,
};
