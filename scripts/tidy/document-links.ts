import { posix } from "node:path";
import type { Problem, Tree } from "./problem.ts";
import { lineAt } from "./source.ts";

const link = /\]\((?!\w+:|#)([^)#\s]+)[^)\s]*\)/g;

/** Finds relative links of Markdown files that lead nowhere. */
export function checkDocumentLinks(tree: Tree): Problem[] {
  const paths = new Set([...tree.keys()].flatMap(withFolders));
  const problems: Problem[] = [];
  for (const [file, text] of tree) {
    if (!file.endsWith(".md")) continue;
    for (const match of text.matchAll(link)) {
      const target = match[1] as string;
      if (paths.has(posix.join(posix.dirname(file), target).replace(/\/$/, ""))) continue;
      problems.push({
        file,
        line: lineAt(text, match.index),
        what: `links to ${target}`,
        why: "there is no such file, and a reader who follows it loses trust in the rest.",
        instead: "Correct the path, relative to the document, or write what it should lead to.",
      });
    }
  }
  return problems;
}

/** `a/b/c` → `a/b/c`, `a/b`, `a`, and the root. */
function withFolders(path: string): string[] {
  return path === "." ? [path] : [path, ...withFolders(posix.dirname(path))];
}
