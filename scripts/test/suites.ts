import { globSync } from "node:fs";

/**
 * - `unit`: `x.test.ts`, needs nothing and takes a moment
 * - `local`: `x.local.test.ts`, needs no server, but starts processes or searches for long
 * - `server`: `x.server.test.ts`, needs a real Redis, Kafka or Chromium, or Go's gRPC
 * - `fault`: `x.fault.test.ts`, breaks real servers and processes of its own
 */
export type SuiteKind = "unit" | "local" | "server" | "fault";

export type Suite = { readonly file: string; readonly kind: SuiteKind };

/**
 * All test files of the repository.
 * @param root folder
 * @param words keep only files whose path contains one of them; all when there are none
 * @returns sorted, paths relative to `root`
 */
export function findSuites(root: string, words: readonly string[] = []): Suite[] {
  return globSync("{packages,services,scripts,benchmarks,faults,infra,simulation}/**/*.test.ts", {
    cwd: root,
    exclude: ["**/node_modules/**"],
  })
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort()
    .map((file) => ({ file, kind: kindOf(file) }));
}

function kindOf(file: string): SuiteKind {
  const named = /\.(local|server|fault)\.test\.ts$/.exec(file)?.[1];
  return (named as SuiteKind | undefined) ?? "unit";
}
