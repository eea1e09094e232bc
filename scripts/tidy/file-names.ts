import { basename, dirname } from "node:path";
import type { Problem, Tree } from "./problem.ts";

/** Finds files and folders that are named after nothing. */
export function checkFileNames(tree: Tree): Problem[] {
  return [...tree.keys()]
    .filter((file) =>
      /\b(utils?|helpers?|common|misc|managers?)\b/.test(`${basename(dirname(file))}/${basename(file)}`),
    )
    .map((file) => ({
      file,
      line: 1,
      what: "is named after nothing in particular",
      why: "such a file becomes a drawer that nobody can find anything in.",
      instead: "Name the concept, one per file. Habits: docs/architecture.md",
    }));
}
