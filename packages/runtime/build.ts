import { createRequire } from "node:module";
import type { Environment } from "./settings/environment.ts";

/** Which program this is. */
export interface Build {
  readonly version: string;
  /** Commit that it was made from, as its image says in `BUILD_REVISION`; empty where nothing says so. */
  readonly revision: string;
}

/** @param module the `import.meta.url` of a file beside the program's package.json */
export function readBuild(module: string, { BUILD_REVISION = "" }: Environment): Build {
  const { version } = createRequire(module)("./package.json") as { version: string };
  return { version, revision: BUILD_REVISION };
}

/** What `--version` prints, such as `presence 0.1.0, revision 1f3a9c2`. */
export function showBuild(program: string, { version, revision }: Build): string {
  return `${program} ${version}${revision && `, revision ${revision}`}\n`;
}
