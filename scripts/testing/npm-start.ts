import { join } from "node:path";
import { bareEnvironment, freePort, repository, startChild, temporaryFolder } from "@realchat/presence-testing";

/** What `npm start` runs, on free ports. */
export async function npmStartCommand(
  args: readonly string[] = [],
  settings: Readonly<Record<string, string>> = {},
): Promise<{ args: string[]; cwd: string; env: NodeJS.ProcessEnv; url: string }> {
  const [grpc, sockets, presence, delivery] = [await freePort(), await freePort(), await freePort(), await freePort()];
  return {
    args: [join(repository, "scripts/start.ts"), ...args],
    cwd: repository,
    env: {
      ...bareEnvironment,
      GRPC_ADDR: `127.0.0.1:${grpc}`,
      HTTP_PORT: `127.0.0.1:${sockets}`,
      PRESENCE_HTTP_ADDR: `127.0.0.1:${presence}`,
      DELIVERY_HTTP_ADDR: `127.0.0.1:${delivery}`,
      ...settings,
    },
    url: `http://127.0.0.1:${sockets}`,
  };
}

/** `npm start` on free ports, its output in a file, until the test ends. */
export async function npmStart(
  t: { after(run: () => Promise<unknown>): void },
  args: readonly string[] = [],
  settings: Readonly<Record<string, string>> = {},
) {
  const command = await npmStartCommand(args, settings);
  const child = await startChild(process.execPath, command.args, {
    logFile: join(temporaryFolder("start").path, "log"),
    ...command,
  });
  // Not SIGKILL: its services would outlive it.
  t.after(() => child.end("SIGTERM"));
  return { child, url: command.url };
}
