import { posix } from "node:path";
import type { Problem, Tree } from "./problem.ts";
import { lineAt } from "./source.ts";

const link = /\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)/g;

/** Finds broken relative links in Markdown files: the file or its heading does not exist. */
export function checkDocumentLinks(tree: Tree): Problem[] {
  const paths = new Set([...tree.keys()].flatMap(withFolders));
  const problems: Problem[] = [];
  for (const [file, text] of tree) {
    if (!file.endsWith(".md")) continue;
    for (const match of text.matchAll(link)) {
      const [, target = "", heading] = match;
      const path = target === "" ? file : posix.join(posix.dirname(file), target).replace(/\/$/, "");
      const line = lineAt(text, match.index);
      if (!paths.has(path)) {
        problems.push({
          file,
          line,
          what: `links to ${target}`,
          why: "there is no such file, and a reader who follows it loses trust in the rest.",
          instead: "Correct the path, relative to the document, or write what it should lead to.",
        });
      } else if (heading !== undefined && path.endsWith(".md") && !headingsOf(tree.get(path) ?? "").has(heading)) {
        problems.push({
          file,
          line,
          what: `links to ${target}#${heading}`,
          why: "the document has no such heading, so the reader lands at its top.",
          instead: "Name a heading as GitHub spells its address: lower case, hyphens for blanks.",
        });
      }
    }
  }
  return problems;
}

/** The addresses of a document's headings, as GitHub makes them. */
function headingsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ +(.+)$/gm)].map((match) => match[1] as string);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** `a/b/c` → `a/b/c`, `a/b`, `a`, and the root. */
export function withFolders(path: string): string[] {
  return path === "." ? [path] : [path, ...withFolders(posix.dirname(path))];
}
