import { existsSync, globSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { filesReadBy, packageOf, specifiersOf } from "./specifiers.ts";
import type { Manifest } from "./workspace.ts";

/**
 * Checks that a folder which is to be packed has all that its code and types import, and all that its package.json
 * promises. The compiler leaves files out and says nothing; see compile.ts.
 * @throws Error naming each file that is missing, and who wants it
 */
export function checkPackage(folder: string): void {
  const manifest: Manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const missing = [
    ...promisedBy(manifest)
      .filter((file) => !existsSync(join(folder, file)))
      .map((file) => `package.json promises ${file}, which is not there`),
    ...globSync("**/*.{js,d.ts}", { cwd: folder }).flatMap((file) => missingFor(file, folder, manifest)),
  ];
  if (missing.length > 0) throw new Error(`the package is not complete:\n  ${missing.sort().join("\n  ")}`);
}

/** Files that the manifest leads to. */
function promisedBy({ bin = {}, exports = {} }: Manifest): string[] {
  const targets = [...Object.values(bin), ...Object.values(exports)];
  return targets.flatMap((target) => (typeof target === "string" ? [target] : Object.values<string>(target)));
}

function missingFor(file: string, folder: string, manifest: Manifest): string[] {
  const code = readFileSync(join(folder, file), "utf8");
  const isThere = (target: string) => existsSync(join(folder, posix.dirname(file), target));
  const files = specifiersOf(code).filter((target) => target.startsWith("."));
  const { name: itself, dependencies, peerDependencies, optionalDependencies } = manifest;
  const declared = { ...dependencies, ...peerDependencies, ...optionalDependencies, [itself]: "" };
  const foreign = specifiersOf(code).map(packageOf);
  return [
    ...files
      .map((target) => (file.endsWith(".d.ts") ? typesOf(target) : target))
      .filter((target) => !isThere(target))
      .map((target) => `${file} imports ${target}, which is not there`),
    ...filesReadBy(code)
      .filter((target) => !isThere(target))
      .map((target) => `${file} reads ${target}, which is not there`),
    ...foreign
      .filter((name) => name !== undefined && !(name in declared))
      .map((name) => `${file} imports ${name}, which package.json does not declare`),
  ];
}

/** Types import the types of a file: `./a.d.ts` is meant by `./a.js` and by `./a.ts`. */
function typesOf(target: string): string {
  return target.replace(/(?:\.d)?\.[jt]s$/, ".d.ts");
}
