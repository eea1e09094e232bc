import { join } from "node:path";
import { onPath, runCommand } from "./command.ts";
import { cache, filledFolder } from "./folders.ts";
import { type Progress, toStandardError } from "./progress.ts";

export const centrifugoVersion = "6.9.1";

const module = `github.com/centrifugal/centrifugo/v6@v${centrifugoVersion}`;
/** Some hundred modules are downloaded and compiled. */
const buildMaxMs = 20 * 60_000;

/**
 * The server that we measure ourselves against: built with the Go that PATH has, once, into the cache folder.
 * @returns path of the program
 * @throws Error where there is no Go, or its modules cannot be had
 */
export async function provideCentrifugo(say: Progress = toStandardError): Promise<string> {
  const folder = join(cache, `centrifugo-${centrifugoVersion}`);
  await filledFolder(folder, (partial) => build(partial, say));
  return join(folder, "centrifugo");
}

async function build(folder: string, say: Progress): Promise<true> {
  if (onPath("go") === undefined)
    throw new Error("Centrifugo cannot be built: PATH has no Go. Install it, or: PATH=$PATH:/path/to/go/bin");
  say(`go install ${module}, which takes minutes`);
  // The user's flags and a workspace around the repository must not change the build.
  const env = { GOBIN: folder, GOFLAGS: "", GOWORK: "off" };
  const args = ["install", "-ldflags=-s -w", module];
  const { ok, output } = await runCommand("go", args, { cwd: folder, env, timeoutMs: buildMaxMs });
  if (!ok) throw new Error(`Centrifugo cannot be built; go install says: ${output.trim().slice(-500)}`);
  return true;
}
