import { join } from "node:path";
import { isExecutable, onPath, runCommand } from "./command.ts";
import { debianPackages, librariesIn } from "./debian.ts";
import { cache, filledFolder } from "./folders.ts";
import { handedOver } from "./hand-over.ts";
import { MissingServerError } from "./missing-server.ts";
import { type Progress, toStandardError } from "./progress.ts";

const OLDEST = 125; // its CSS has light-dark() and nesting, which the page is written in
const PACKAGED = "@sparticuz/chromium@153.0.0";

/** A browser on this machine and what it needs in its environment. */
type Chromium = { path: string; env: NodeJS.ProcessEnv };

/**
 * Finds a Chromium: CHROME_PATH, PATH, the package manager, a package of npm that carries one.
 * @throws MissingServerError naming the command that would help
 */
export async function provideChromium(say: Progress = toStandardError): Promise<Chromium> {
  const known = handedOver<Chromium>("chromium");
  if (known !== undefined) return known;
  const named = process.env.CHROME_PATH;
  if (named !== undefined) {
    if (await isRecent(named)) return { path: named, env: {} };
    throw new MissingServerError("Chromium", `CHROME_PATH=${named} is not a Chromium ${OLDEST} or newer`);
  }
  for (const name of ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]) {
    const path = onPath(name);
    if (path !== undefined && (await isRecent(path))) return { path, env: {} };
  }
  const root = await debianPackages(["chromium"], say);
  if (root !== undefined) {
    // Not usr/bin/chromium, a script that looks for the program at its installed place.
    const path = `${root}/usr/lib/chromium/chromium`;
    const env = librariesIn(root);
    if (await isRecent(path, env)) return { path, env };
  }
  const path = await packagedChromium(say);
  if (path !== undefined && (await isRecent(path))) return { path, env: {} };
  throw new MissingServerError(
    "Chromium",
    `neither CHROME_PATH nor PATH has one, and neither the package manager nor npm (${PACKAGED}) gave one that runs here`,
  );
}

/** Both answer `--version`: `Chromium 150.0.7103.59 built on …`, `Google Chrome 150.0.7103.59`. */
async function isRecent(path: string, env: NodeJS.ProcessEnv = {}): Promise<boolean> {
  if (!isExecutable(path)) return false;
  const { output } = await runCommand(path, ["--version"], { env, timeoutMs: 60_000 });
  return Number(/Chrom\w* (\d+)\./.exec(output)?.[1] ?? 0) >= OLDEST;
}

/** The package holds Chromium compressed, for Linux, and unpacks it when it is asked where it is. */
async function packagedChromium(say: Progress): Promise<string | undefined> {
  const folder = join(cache, "sparticuz-chromium");
  const filled = await filledFolder(folder, async (partial) => {
    say(`npm install ${PACKAGED} into ${folder}`);
    const args = ["install", "--prefix", partial, "--no-save", "--no-audit", "--no-fund", PACKAGED];
    const { ok, output } = await runCommand("npm", args, { cwd: partial });
    if (!ok) say(output.slice(-2_000));
    return ok;
  });
  if (!filled) return undefined;
  const ask = 'import("@sparticuz/chromium").then(async (m) => console.log(await m.default.executablePath()))';
  // It unpacks into the temporary folder, which this keeps out of the way of other users and versions.
  const env = { TMPDIR: folder };
  const { ok, output } = await runCommand(process.execPath, ["--eval", ask], { cwd: folder, env });
  return ok ? output.trim().split("\n").at(-1) : undefined;
}
