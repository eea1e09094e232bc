import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packages, type Workspace } from "./workspace.ts";

/**
 * Compiles the entries with all that they import of ours into a folder.
 *
 * Ours is reached by `paths`, past node_modules, where npm links it to. What the compiler (TypeScript 7) finds through
 * node_modules is somebody else's to it, with all that this imports in turn, and is not emitted. A file that is reached
 * both ways was emitted or not by the turn of its threads: with google/protobuf/duration.ts, which only presence.ts
 * imports, it was 8 of 24 builds that had it. The exit code is 0 either way, so check-package.ts looks at the outcome.
 *
 * @param root folder whose shape the output has
 * @param entries files, absolute
 */
export function compile(
  workspaces: readonly Workspace[],
  { config, root, entries, types, output }: CompileOptions,
): void {
  const folder = mkdtempSync(join(tmpdir(), "realchat-compile-"));
  try {
    const project = join(folder, "tsconfig.json");
    const compilerOptions = {
      ...{ noEmit: false, rootDir: root, outDir: output, declaration: types, paths: pathsOf(workspaces) },
      typeRoots: [join(packages, "../node_modules/@types")],
    };
    writeFileSync(project, JSON.stringify({ extends: config, compilerOptions, include: [], files: entries }));
    const compiler = fileURLToPath(import.meta.resolve("typescript/package.json"));
    execFileSync(process.execPath, [join(compiler, "../bin/tsc"), "-p", project], { stdio: "inherit" });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface CompileOptions {
  readonly config: string;
  readonly root: string;
  readonly entries: readonly string[];
  /** Whether types are wanted beside the code. */
  readonly types: boolean;
  readonly output: string;
}

function pathsOf(workspaces: readonly Workspace[]): Record<string, string[]> {
  const doors = workspaces.flatMap(({ folder, manifest }) =>
    Object.entries(manifest.exports ?? {}).map(([door, file]): [string, string[]] => [
      join(manifest.name, door),
      [join(packages, folder, file)],
    ]),
  );
  return Object.fromEntries(doors);
}
