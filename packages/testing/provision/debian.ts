import { existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { onPath, runCommand } from "./command.ts";
import { cache, filledFolder } from "./folders.ts";
import type { Progress } from "./progress.ts";

/**
 * Gets packages from Debian's archive (or that of a system made from it): installed when we are root, else downloaded
 * and unpacked into the cache folder, together with what they depend on and this machine lacks.
 * @returns the folder that stands for `/`; undefined on other systems, and when the archive does not deliver
 */
export async function debianPackages(packages: readonly string[], say: Progress): Promise<string | undefined> {
  if (onPath("apt-get") === undefined || onPath("dpkg") === undefined) return undefined;
  if (process.getuid?.() === 0) return (await install(packages, say)) ? "" : undefined;
  const root = join(cache, "debian", packages.join("+"));
  return (await filledFolder(root, (partial) => unpack(packages, partial, say))) ? root : undefined;
}

/** What a program of an unpacked package needs in its environment, to find the libraries beside it. */
export function librariesIn(root: string): NodeJS.ProcessEnv {
  if (root === "") return {};
  // Debian has one folder per architecture, such as usr/lib/x86_64-linux-gnu.
  const folders = readdirSync(`${root}/usr/lib`).filter((name) => name.includes("-linux-"));
  return { LD_LIBRARY_PATH: folders.map((name) => `${root}/usr/lib/${name}`).join(":") };
}

// A machine that has just started may install by itself meanwhile, and an archive may be out of reach for a moment.
const patience = ["-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3"];

async function install(packages: readonly string[], say: Progress): Promise<boolean> {
  say(`apt-get install ${packages.join(" ")}`);
  // RUNLEVEL=1: no service of a package is started when it is installed in single-user mode.
  const env = { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  await runCommand("apt-get", [...patience, "update"], { env });
  const args = [...patience, "install", "--yes", "--no-install-recommends", ...packages];
  const { ok, output } = await runCommand("apt-get", args, { env });
  if (!ok) say(output.slice(-2_000));
  return ok;
}

async function unpack(packages: readonly string[], root: string, say: Progress): Promise<boolean> {
  say(`apt-get download ${packages.join(" ")}`);
  const apt = `${root}/apt`;
  mkdirSync(`${apt}/lists/partial`, { recursive: true });
  mkdirSync(`${apt}/cache/archives/partial`, { recursive: true });
  // apt-get's usual folders belong to root.
  const own = [...patience, "-o", `Dir::State::Lists=${apt}/lists`, "-o", `Dir::Cache=${apt}/cache`];
  await runCommand("apt-get", [...own, "update"]);
  const plan = await runCommand("apt-get", [...own, "install", "--simulate", "--no-install-recommends", ...packages]);
  const needed = [...plan.output.matchAll(/^Inst (\S+)/gm)].map((match) => match[1] as string);
  if (!plan.ok || needed.length === 0) return false;
  if (!(await runCommand("apt-get", [...own, "download", ...needed], { cwd: apt })).ok) return false;
  for (const file of readdirSync(apt).filter((name) => name.endsWith(".deb"))) {
    if (!(await runCommand("dpkg", ["-x", join(apt, file), root])).ok) return false;
  }
  rmSync(apt, { recursive: true });
  keepLinksInside(root, root);
  return true;
}

/** Packages link to `/etc/…`, which for an unpacked one is `root/etc/…`. */
function keepLinksInside(root: string, folder: string): void {
  for (const entry of readdirSync(folder)) {
    const path = join(folder, entry);
    const status = lstatSync(path);
    if (status.isDirectory()) keepLinksInside(root, path);
    if (!status.isSymbolicLink()) continue;
    const target = readlinkSync(path);
    if (!target.startsWith("/") || !existsSync(join(root, target))) continue;
    rmSync(path);
    symlinkSync(relative(dirname(path), join(root, target)), path);
  }
}
