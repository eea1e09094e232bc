import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type Child, onExit, startChild } from "./child.ts";

/** A server that can be started, again and again, until it is removed with all that it kept. */
export type ServerProgram = { start(): Promise<Child>; remove(): void };

/**
 * A container as a server: its data live as long as it, through every start. Its ports are the host's, on loopback.
 * @param options.command what it runs, with arguments; must listen on all interfaces of the container
 */
export function containerProgram(options: {
  image: string;
  ports: readonly number[];
  command: readonly string[];
  env?: Record<string, string>;
  folder: string;
  /** Files of the host that it can read under the same paths. */
  files?: readonly string[];
}): ServerProgram {
  const name = `realchat-test-${randomUUID()}`;
  const ports = options.ports.flatMap((port) => ["--publish", `127.0.0.1:${port}:${port}`]);
  const env = Object.entries(options.env ?? {}).flatMap(([key, value]) => ["--env", `${key}=${value}`]);
  const files = (options.files ?? []).flatMap((path) => ["--volume", `${path}:${path}:ro`]);
  const create = ["create", "--name", name, ...ports, ...env, ...files, options.image, ...options.command];
  const remove = () => void spawnSync("docker", ["rm", "--force", "--volumes", name], { stdio: "ignore" });
  onExit(remove);
  let created = false;
  return {
    start() {
      if (!created) docker(create);
      created = true;
      return startChild("docker", ["start", "--attach", name], {
        logFile: join(options.folder, "container.log"),
        signal: (signal) => spawnSync("docker", ["kill", "--signal", signal, name], { stdio: "ignore" }),
      });
    },
    remove,
  };
}

function docker(args: readonly string[]): void {
  const result = spawnSync("docker", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (result.status !== 0) throw new Error(`docker ${args[0]} failed: ${result.error?.message ?? result.stderr}`);
}
