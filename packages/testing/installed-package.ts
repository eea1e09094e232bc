import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { repository } from "./provision/folders.ts";
import { type NodeVersion, plainNode } from "./provision/plain-node.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** npm takes what it has in its cache, and asks the registry for the rest. */
const installing = ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];

/** A project that has nothing but the package as it is published. */
export interface InstalledPackage {
  readonly folder: string;
  /** Names of the files in the tarball. */
  readonly packed: readonly string[];
  write(file: string, content: string): void;
  remove(): void;
}

/**
 * Builds and packs the package, and installs it into an empty project as anyone would.
 * @param options.build the program that builds it into a folder, such as `packages/client/publish/build.ts`
 * @param options.node major version of the Node that installs it; default 20, the oldest that our packages promise to run on
 * @param options.companions other packages that the project needs, with their versions
 */
export async function installPackage({
  build,
  node = 20,
  companions = [],
}: {
  readonly build: string;
  readonly node?: NodeVersion;
  readonly companions?: readonly string[];
}): Promise<InstalledPackage> {
  const { tarball, packed, remove: removeTarball } = packPackage(build);
  const { path, remove } = temporaryFolder("installed");
  const folder = join(path, "project");
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  npm(await plainNode(node), folder, [...installing, tarball, ...companions]);
  removeTarball();
  return { folder, packed, write: (file, content) => writeFileSync(join(folder, file), content), remove };
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
export async function installPrograms({
  tarball,
  node: major,
}: {
  readonly tarball: string;
  readonly node: NodeVersion;
}): Promise<InstalledPrograms> {
  const { path, remove } = temporaryFolder("programs");
  const prefix = join(path, "prefix");
  mkdirSync(prefix);
  const node = await plainNode(major);
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

/** @param node the program that npm runs on */
function npm(node: string, cwd: string, args: readonly string[]): string {
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` };
  return execFileSync("npm", args, { cwd, env, encoding: "utf8", stdio: "pipe" });
}
