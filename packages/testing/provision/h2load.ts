import { onPath, runCommand } from "./command.ts";
import { debianPackages, librariesIn } from "./debian.ts";
import { type Progress, toStandardError } from "./progress.ts";

/** The load generator of nghttp2 and what it needs in its environment. */
export type H2load = { path: string; env: NodeJS.ProcessEnv };

/** Finds an h2load: PATH, the package manager; undefined when neither has one. */
export async function provideH2load(say: Progress = toStandardError): Promise<H2load | undefined> {
  const found = onPath("h2load");
  if (found !== undefined && (await runs(found))) return { path: found, env: {} };
  const root = await debianPackages(["nghttp2-client"], say);
  if (root === undefined) return undefined;
  const path = `${root}/usr/bin/h2load`;
  const env = librariesIn(root);
  return (await runs(path, env)) ? { path, env } : undefined;
}

async function runs(path: string, env: NodeJS.ProcessEnv = {}): Promise<boolean> {
  return (await runCommand(path, ["--version"], { env, timeoutMs: 10_000 })).ok;
}
