import { createServer } from "node:net";
import { systemClock } from "@realchat/presence-runtime";

// Below the range that Linux (32768) and macOS (49152) give to outgoing connections: a server that is killed and
// started again must find its port still free.
const LOWEST = 15_000;
const HIGHEST = 32_000;

/** A loopback TCP port that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = LOWEST + Math.floor(systemClock.random() * (HIGHEST - LOWEST));
    if (await canListen(port)) return port;
  }
  throw new Error(`found no free TCP port between ${LOWEST} and ${HIGHEST} on 127.0.0.1 in 100 attempts`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
