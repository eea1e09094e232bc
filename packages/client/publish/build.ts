// Builds the package as it is published: JavaScript with types, which runs on plain Node. What this repository keeps in
// packages of its own (the contract's code, gRPC's, the clock) goes into it.
//   node packages/client/publish/build.ts FOLDER && npm pack FOLDER
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { parseArgs } from "node:util";

const packages = join(import.meta.dirname, "../..");
/** Folders of the packages that are built in, by name. */
const builtIn: Readonly<Record<string, string>> = {
  "@realchat/presence-grpc": "grpc",
  "@realchat/presence-proto": "proto",
  "@realchat/presence-runtime": "runtime",
};

const [folder] = parseArgs({ allowPositionals: true }).positionals;
if (folder === undefined) throw new Error("say where to build: node packages/client/publish/build.ts FOLDER");
build(folder);

function build(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  execFileSync("tsc", ["-p", join(import.meta.dirname, "tsconfig.json"), "--outDir", folder], { stdio: "inherit" });
  const files = globSync("**/*.{js,d.ts}", { cwd: folder });
  for (const file of files) {
    const path = join(folder, file);
    writeFileSync(path, withInnerImports(readFileSync(path, "utf8"), posix.dirname(file)));
  }
  for (const file of files) checkImports(folder, file);
  cpSync(join(packages, "client/README.md"), join(folder, "README.md"));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(publishedManifest(), undefined, 2)}\n`);
}

/** Points the imports of packages that are built in to where they are now. @param from folder of the code */
function withInnerImports(code: string, from: string): string {
  return code.replace(/"(@realchat\/[^/"]+)(\/[^"]+)?"/g, (_, name: string, subpath = "") => {
    const folder = builtIn[name];
    const target = folder === undefined ? undefined : manifestOf(folder).exports?.[`.${subpath}`];
    if (target === undefined)
      throw new Error(`${name}${subpath} is imported, but not built in: see publish/tsconfig.json`);
    return `"${posix
      .relative(from, posix.join(folder as string, target))
      .replace(/^(?!\.)/, "./")
      .replace(/\.ts$/, ".js")}"`;
  });
}

/** tsc leaves out what it takes for somebody else's, and says nothing. @throws Error when something is missing */
function checkImports(folder: string, file: string): void {
  for (const [, target = ""] of readFileSync(join(folder, file), "utf8").matchAll(/"(\.{1,2}\/[^"\n]+)\.[jt]s"/g)) {
    const imported = posix.join(posix.dirname(file), `${target}${file.endsWith(".d.ts") ? ".d.ts" : ".js"}`);
    if (existsSync(join(folder, imported))) continue;
    throw new Error(`${file} imports ${imported}, which was not built: is it in the paths of publish/tsconfig.json?`);
  }
}

function publishedManifest(): object {
  const { name, version, description, license, peerDependencies, peerDependenciesMeta, ...own } = manifestOf("client");
  const isForeign = ([dependency]: [string, string]) => !(dependency in builtIn);
  return {
    ...{ name, version, description, license, type: "module", sideEffects: false },
    engines: { node: ">=20" },
    exports: Object.fromEntries(
      Object.entries(own.exports ?? {}).map(([subpath, source]) => [subpath, entryOf(posix.join("client", source))]),
    ),
    dependencies: Object.fromEntries(Object.entries(own.dependencies ?? {}).filter(isForeign)),
    ...{ peerDependencies, peerDependenciesMeta },
  };
}

function entryOf(source: string): object {
  const base = `./${source.replace(/\.ts$/, "")}`;
  return { types: `${base}.d.ts`, default: `${base}.js` };
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly license?: string;
  readonly exports?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: object;
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(packages, folder, "package.json"), "utf8"));
}
