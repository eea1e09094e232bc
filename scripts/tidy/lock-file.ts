import type { Problem, Tree } from "./problem.ts";
import { lineAt } from "./source.ts";

/** Finds addresses of a package registry in the lock file. */
export function checkLockFile(tree: Tree): Problem[] {
  const file = "package-lock.json";
  const lock = tree.get(file) ?? "";
  return [...lock.matchAll(/"resolved": "(https?:[^"]*)"/g)].map((match) => ({
    file,
    line: lineAt(lock, match.index),
    what: `says where ${match[1]} is`,
    why: "each machine has its own registry; what a package must be is in its integrity.",
    instead: "Run npm with this repository's .npmrc (omit-lockfile-registry-resolved=true), which leaves it out.",
  }));
}
