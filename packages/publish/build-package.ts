import { cpSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";
import { parseArgs } from "node:util";
import { checkPackage } from "./check-package.ts";
import { compile } from "./compile.ts";
import { publicExports, publishedManifest } from "./published-manifest.ts";
import { filesReadBy, packageOf, specifiersOf, withSpecifiers } from "./specifiers.ts";
import { packages, type Workspace, withBuiltIn } from "./workspace.ts";

/**
 * Builds a package as it is published into the folder that the command line names, for `npm pack FOLDER`: plain
 * JavaScript, with types if it is imported, and with all of ours that it needs.
 * @param source its folder, such as `packages/client`
 * @param config the compiler's options: what its users run it on
 * @throws Error when anything is missing
 */
export function buildFromCommandLine(source: string, config: "tsconfig.node.json" | "tsconfig.browser.json"): void {
  const [folder] = parseArgs({ allowPositionals: true }).positionals;
  if (folder === undefined) throw new Error(`say where to build: node ${relative("", process.argv[1] ?? "")} FOLDER`);
  buildPackage(relative(packages, source), config, folder);
}

function buildPackage(name: string, config: string, output: string): void {
  const workspaces = withBuiltIn(name);
  const [{ manifest }] = workspaces as [Workspace];
  // A package that needs none of ours has its files where they are.
  const root = workspaces.length === 1 ? join(packages, name) : packages;
  const exported = Object.values(publicExports(manifest)).filter(isCode);
  const entries = [...exported, ...Object.values(manifest.bin ?? {})].map((file) => join(packages, name, file));
  rmSync(output, { recursive: true, force: true });
  compile(workspaces, {
    ...{ config: join(import.meta.dirname, config), root, entries, types: exported.length > 0, output },
  });
  for (const file of globSync("**/*.{js,d.ts}", { cwd: output })) leadInside(join(output, file), workspaces, output);
  takeAlong(
    entries.map((file) => relative(root, file)),
    root,
    output,
  );
  cpSync(join(packages, name, "README.md"), join(output, "README.md"));
  const published = publishedManifest(workspaces, relative(root, join(packages, name)), output);
  writeFileSync(join(output, "package.json"), `${JSON.stringify(published, undefined, 2)}\n`);
  checkPackage(output);
}

/** Points imports of ours to where they are in the package. */
function leadInside(file: string, workspaces: readonly Workspace[], output: string): void {
  const inside = (target: string) => {
    const workspace = workspaces.find(({ manifest }) => manifest.name === packageOf(target));
    if (workspace === undefined) return target;
    const { folder, manifest } = workspace;
    const door = manifest.exports?.[`.${target.slice(manifest.name.length)}`];
    if (door === undefined)
      throw new Error(`${target} is imported, which packages/${folder}/package.json does not export`);
    const path = relative(dirname(file), join(output, folder, door)).replace(/\.ts$/, ".js");
    return path.startsWith(".") ? path : `./${path}`;
  };
  writeFileSync(file, withSpecifiers(readFileSync(file, "utf8"), inside));
}

/**
 * Adds what the compiler does not emit, as it is: code that is JavaScript already, types that were written by hand, and
 * files that are read at run time.
 */
function takeAlong(entries: readonly string[], root: string, output: string): void {
  const scripts = entries.filter((file) => file.endsWith(".js"));
  const files = new Set([...scripts, ...globSync("**/*.{js,d.ts}", { cwd: output })]);
  // A set is walked with what is added on the way.
  for (const file of files) {
    if (!existsSync(join(output, file))) cpSync(join(root, file), join(output, file));
    if (!isCode(file)) continue;
    const code = readFileSync(join(output, file), "utf8");
    for (const target of [...specifiersOf(code).filter((name) => name.startsWith(".")), ...filesReadBy(code)]) {
      const path = posix.join(posix.dirname(file), target);
      if (!isCompiled(path) && existsSync(join(root, path))) files.add(path);
    }
  }
}

function isCode(file: string): boolean {
  return /\.[jt]s$/.test(file);
}

function isCompiled(file: string): boolean {
  return file.endsWith(".ts") && !file.endsWith(".d.ts");
}
