import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The folder that all packages are in. */
export const packages = join(import.meta.dirname, "..");

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly license?: string;
  readonly sideEffects?: boolean;
  readonly engines?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string>>;
  readonly dependencies?: Versions;
  readonly peerDependencies?: Versions;
  readonly peerDependenciesMeta?: object;
  readonly optionalDependencies?: Versions;
}

export type Versions = Readonly<Record<string, string>>;

/** A package of this repository. */
export interface Workspace {
  /** Its name in `packages`, such as `client`. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/**
 * A package, and all of ours that it needs to run, each once, itself first: that is what must go into it, since none of
 * them is published.
 */
export function withBuiltIn(folder: string): readonly Workspace[] {
  const all = new Map(
    globSync("*/package.json", { cwd: packages }).map((path) => {
      const manifest: Manifest = JSON.parse(readFileSync(join(packages, path), "utf8"));
      return [manifest.name, { folder: dirname(path), manifest }];
    }),
  );
  const found = new Set([...all.values()].filter((workspace) => workspace.folder === folder));
  // A set is walked with what is added on the way.
  for (const { manifest } of found) {
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      const needed = all.get(name);
      if (needed !== undefined) found.add(needed);
    }
  }
  return [...found];
}
