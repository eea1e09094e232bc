import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { onPath, runCommand } from "./command.ts";
import { cache, filledFolder } from "./folders.ts";
import { MissingServerError, type ServerName } from "./missing-server.ts";
import type { Progress } from "./progress.ts";

/** Some hundred packages may be downloaded and compiled, on a machine with other work. */
const buildMaxMs = 20 * 60_000;

/**
 * A program of ours in Go: built with the Go that PATH has, once, into the cache folder.
 * @param source folder of its module, without folders below
 * @returns path of the program
 * @throws MissingServerError, optional, where there is no Go, or its modules cannot be had
 * @throws Error with the compiler's words
 */
export async function buildGoProgram(server: ServerName, source: string, say: Progress): Promise<string> {
  const folder = join(cache, `${basename(source)}-${digestOf(source)}`);
  await filledFolder(folder, (partial) => build(server, source, partial, say));
  return join(folder, "program");
}

async function build(server: ServerName, source: string, folder: string, say: Progress): Promise<true> {
  if (onPath("go") === undefined) throw new MissingServerError(server, "PATH has no Go", { isOptional: true });
  say(`go build of ${source}`);
  // The user's flags and a workspace around the repository must not change the build.
  const inSource = { cwd: source, env: { GOFLAGS: "", GOWORK: "off" }, timeoutMs: buildMaxMs };
  const download = await runCommand("go", ["mod", "download"], inSource);
  if (!download.ok) {
    const reason = `go mod download says: ${download.output.trim().slice(-500)}`;
    throw new MissingServerError(server, reason, { command: `cd ${source} && go mod download`, isOptional: true });
  }
  // Without debugging information, which takes a third of the time to link; and whatever owns the repository.
  const args = ["build", "-buildvcs=false", "-ldflags=-s -w", "-o", join(folder, "program"), "."];
  const { ok, output } = await runCommand("go", args, inSource);
  if (!ok) throw new Error(`go build of ${source} failed: ${output.trim()}`);
  return true;
}

/** Another source is another program. */
function digestOf(source: string): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(source).sort()) hash.update(name).update(readFileSync(join(source, name)));
  return hash.digest("hex").slice(0, 16);
}
