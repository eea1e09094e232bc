import { globSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { packageOf, specifiersOf } from "./specifiers.ts";
import type { Manifest, Versions, Workspace } from "./workspace.ts";

/** The doors that others may use; what serves tests stays here. */
export function publicExports({ exports = {} }: Manifest): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(exports).filter(([, file]) => !/(^|\/)testing\//.test(file)));
}

/**
 * The package.json of a package as it is published.
 * @param workspaces the package, and what is built into it
 * @param prefix where its own files are in what was built
 * @param output what was built
 */
export function publishedManifest(workspaces: readonly Workspace[], prefix: string, output: string) {
  const [{ manifest }] = workspaces as [Workspace];
  const { name, version, description, license, sideEffects, engines, bin } = manifest;
  const { peerDependencies, peerDependenciesMeta, optionalDependencies } = manifest;
  // A peer or an optional dependency of the package is one of it also where code of ours that goes into it needs it.
  const elsewhere = { ...peerDependencies, ...optionalDependencies };
  const dependencies = Object.entries(dependenciesOf(workspaces, output)).filter(([name]) => !(name in elsewhere));
  const exports = Object.entries(publicExports(manifest)).map(([door, file]) => [door, doorTo(file, prefix)]);
  return {
    ...{ name, version, description, license, type: "module", sideEffects, engines },
    bin: bin && Object.fromEntries(Object.entries(bin).map(([program, file]) => [program, built(file, prefix)])),
    exports: Object.fromEntries(exports),
    dependencies: dependencies.length === 0 ? undefined : Object.fromEntries(dependencies),
    ...{ peerDependencies, peerDependenciesMeta, optionalDependencies },
  };
}

/** Packages of others that the code or its types import, in the versions that ours declare. */
function dependenciesOf(workspaces: readonly Workspace[], output: string): Versions {
  const declared = Object.assign({}, ...workspaces.toReversed().map(({ manifest }) => manifest.dependencies));
  const codes = globSync("**/*.{js,d.ts}", { cwd: output }).map((file) => readFileSync(join(output, file), "utf8"));
  const imported = new Set(codes.flatMap(specifiersOf).map(packageOf));
  return Object.fromEntries(
    Object.entries<string>(declared)
      .filter(([name]) => imported.has(name))
      .sort(([left], [right]) => left.localeCompare(right)),
  );
}

function doorTo(file: string, prefix: string): string | object {
  if (!/\.[jt]s$/.test(file)) return file;
  const path = `./${built(file, prefix)}`;
  return { types: path.replace(/\.js$/, ".d.ts"), default: path };
}

/** Where a source is after the build: `cli/main.js` for `./main.ts`. */
function built(file: string, prefix: string): string {
  return posix.join(prefix, file).replace(/\.ts$/, ".js");
}
