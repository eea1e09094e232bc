import { onPath, runCommand } from "./command.ts";
import { debianPackages, librariesIn } from "./debian.ts";
import { handedOver } from "./hand-over.ts";
import { MissingServerError } from "./missing-server.ts";
import { type Progress, toStandardError } from "./progress.ts";

/** A reverse proxy on this machine, and what it needs in its environment. */
export type ProxyProgram = { path: string; env: NodeJS.ProcessEnv };

/**
 * Finds an nginx with HTTP/2: PATH, the package manager.
 * @throws MissingServerError, optional
 */
export async function provideNginx(say: Progress = toStandardError): Promise<ProxyProgram> {
  const known = handedOver<ProxyProgram>("nginx");
  return known ?? found("nginx", "-v", (name: string) => debianPackages([name], say));
}

/**
 * Finds a HAProxy: PATH, the package manager.
 * @throws MissingServerError, optional
 */
export async function provideHaproxy(say: Progress = toStandardError): Promise<ProxyProgram> {
  const known = handedOver<ProxyProgram>("haproxy");
  return known ?? found("haproxy", "-v", (name: string) => debianPackages([name], say));
}

/**
 * Finds an Envoy: PATH alone, since no distribution has it.
 * @throws MissingServerError, optional
 */
export async function provideEnvoy(): Promise<ProxyProgram> {
  const known = handedOver<ProxyProgram>("envoy");
  return known ?? found("envoy", "--version");
}

async function found(
  name: "nginx" | "haproxy" | "envoy",
  version: string,
  unpack: (name: string) => Promise<string | undefined> = async () => undefined,
): Promise<ProxyProgram> {
  const runs = async ({ path, env }: ProxyProgram) =>
    (await runCommand(path, [version], { env, timeoutMs: 10_000 })).ok;
  // Debian keeps such programs where only root looks.
  const own = { path: onPath(name) ?? `/usr/sbin/${name}`, env: {} };
  if (await runs(own)) return own;
  const root = await unpack(name);
  if (root !== undefined) {
    const unpacked = { path: `${root}/usr/sbin/${name}`, env: librariesIn(root) };
    if (await runs(unpacked)) return unpacked;
  }
  throw new MissingServerError(name, "PATH has none, and the package manager gave none", { isOptional: true });
}
