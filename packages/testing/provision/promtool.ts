import { onPath, runCommand } from "./command.ts";
import { debianPackages, librariesIn } from "./debian.ts";
import { dockerHas } from "./docker.ts";
import { handedOver } from "./hand-over.ts";
import { MissingServerError } from "./missing-server.ts";
import { type Progress, toStandardError } from "./progress.ts";

/** The image that infra/local runs. */
export const prometheusImage = "prom/prometheus:v3.13.3";

/** Prometheus' checker of rules: a program on this machine and what it needs, or one in a container of its image. */
export type Promtool = { kind: "program"; path: string; env: NodeJS.ProcessEnv } | { kind: "container" };

/**
 * Finds a promtool: PATH, the package manager, Docker.
 * @throws MissingServerError naming the command that would help
 */
export async function providePromtool(say: Progress = toStandardError): Promise<Promtool> {
  const known = handedOver<Promtool>("promtool");
  if (known !== undefined) return known;
  const found = onPath("promtool");
  if (found !== undefined && (await runs(found))) return { kind: "program", path: found, env: {} };
  const root = await debianPackages(["prometheus"], say);
  if (root !== undefined) {
    const path = `${root}/usr/bin/promtool`;
    const env = librariesIn(root);
    if (await runs(path, env)) return { kind: "program", path, env };
  }
  if (await dockerHas(prometheusImage, say)) return { kind: "container" };
  throw new MissingServerError("promtool", "PATH has none, the package manager gave none and no Docker engine answers");
}

/** @param folder where it runs: paths in `args` begin there, and it sees no others */
export function runPromtool(
  promtool: Promtool,
  args: readonly string[],
  folder: string,
): Promise<{ ok: boolean; output: string }> {
  if (promtool.kind === "program") return runCommand(promtool.path, args, { env: promtool.env, cwd: folder });
  const place = ["--volume", `${folder}:/rules:ro`, "--workdir", "/rules", "--entrypoint", "promtool"];
  return runCommand("docker", ["run", "--rm", ...place, prometheusImage, ...args]);
}

async function runs(path: string, env: NodeJS.ProcessEnv = {}): Promise<boolean> {
  return (await runCommand(path, ["--version"], { env, timeoutMs: 10_000 })).ok;
}
