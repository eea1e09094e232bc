import { join } from "node:path";
import { freePort, repository, startChild, temporaryFolder } from "@realchat/presence-testing";

/** `npm start` on free ports. */
export async function npmStart(args: readonly string[] = [], settings: Readonly<Record<string, string>> = {}) {
  const [grpc, sockets, presence, delivery] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const child = await startChild(process.execPath, [join(repository, "scripts/start.ts"), ...args], {
    logFile: join(temporaryFolder("start").path, "log"),
    cwd: repository,
    env: {
      PATH: process.env.PATH,
      GRPC_ADDR: `127.0.0.1:${grpc}`,
      HTTP_PORT: `127.0.0.1:${sockets}`,
      PRESENCE_HTTP_ADDR: `127.0.0.1:${presence}`,
      DELIVERY_HTTP_ADDR: `127.0.0.1:${delivery}`,
      ...settings,
    },
  });
  return { child, url: `http://127.0.0.1:${sockets}` };
}
