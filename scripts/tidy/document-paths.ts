import { posix } from "node:path";
import { withFolders } from "./document-links.ts";
import type { Problem, Tree } from "./problem.ts";
import { isSource, lineAt } from "./source.ts";

const fenced = /^( *)```[\s\S]*?^\1```$/gm;
const path = /`([\w@][\w@.-]*(?:\/[\w@.-]+)*\/?)`/g;

/** Not in the tree: made by commands, or by npm. */
const made = /(^|\/)(generated|node_modules|\.cache)(\/|$)/;
/** A placeholder: `x.test.ts`. */
const placeholder = /^x\./;

/**
 * Finds paths in Markdown files, written as code, that do not exist: `packages/rpc/server.ts` from the root or from the
 * document; `lua/change.lua` and `lua/` as the end of some path.
 */
export function checkDocumentPaths(tree: Tree): Problem[] {
  const paths = new Set([...tree.keys()].flatMap(withFolders));
  const ends = new Set([...paths].flatMap(endsOf));
  const tops = new Set([...tree.keys()].filter((file) => file.includes("/")).map((file) => file.split("/")[0]));
  const problems: Problem[] = [];
  for (const [file, text] of tree) {
    if (!file.endsWith(".md")) continue;
    const prose = text.replace(fenced, (block) => block.replace(/[^\n]/g, " "));
    for (const match of prose.matchAll(path)) {
      const written = match[1] as string;
      const target = written.replace(/\/$/, "");
      const whole = written.includes("/") && tops.has(written.split("/")[0]);
      if (!whole && !written.endsWith("/") && !isSource(written) && !written.endsWith(".lua")) continue;
      if (made.test(written) || placeholder.test(written)) continue;
      if (paths.has(posix.join(posix.dirname(file), target)) || (whole ? paths : ends).has(target)) continue;
      problems.push({
        file,
        line: lineAt(text, match.index),
        what: `names ${written}`,
        why: "there is no such file or folder, and a reader looks for it in vain.",
        instead: "Write where it is now: git log --follow tells where it went.",
      });
    }
  }
  return problems;
}

/** `a/b/c` → `a/b/c`, `b/c`, `c`. */
function endsOf(whole: string): string[] {
  const parts = whole.split("/");
  return parts.map((_, index) => parts.slice(index).join("/"));
}
