// Builds the package as it is published: the modules as they are, with their types.
//   node packages/web-client/publish/build.ts FOLDER && npm pack FOLDER
import { execFileSync } from "node:child_process";
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

const source = join(import.meta.dirname, "..");

const [folder] = parseArgs({ allowPositionals: true }).positionals;
if (folder === undefined) throw new Error("say where to build: node packages/web-client/publish/build.ts FOLDER");
build(folder);

function build(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  execFileSync("tsc", ["-p", join(import.meta.dirname, "tsconfig.json"), "--outDir", folder], { stdio: "inherit" });
  const asTheyAre = [...globSync("*.js", { cwd: source }), "types.d.ts", "README.md"];
  for (const file of asTheyAre) cpSync(join(source, file), join(folder, file));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(publishedManifest(), undefined, 2)}\n`);
}

function publishedManifest(): object {
  const { name, version, description, license } = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
  return {
    ...{ name, version, description, license, type: "module", sideEffects: false },
    exports: { ".": { types: "./index.d.ts", default: "./index.js" } },
  };
}
