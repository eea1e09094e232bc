import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { garbage } from "./state-scenarios.js";

/**
 * A gateway that behaves as the path says:
 *
 *     /hang                    never answers the handshake
 *     /refuse, /drop           answers it with 401, or with the end of the connection
 *     /open                    opens, and says nothing
 *     /pong, /garbage          opens, and answers the first ping, the one with a pong and then garbage, too, bit by bit
 *     /close-4000, /cut        opens, and at the first ping ends it so
 *
 * To a plain request it answers with a file, and at /handshake-of-7 once the handshake of ?scenario=7 is there.
 */
export async function startScenarioGateway(serve: (url: string) => string | undefined = () => undefined) {
  const server = new WebSocketServer({ noServer: true });
  const held: Duplex[] = [];
  const handshakes = new Map<string, PromiseWithResolvers<void>>();
  const handshakeOf = (scenario: string) => {
    const known = handshakes.get(scenario) ?? Promise.withResolvers<void>();
    handshakes.set(scenario, known);
    return known;
  };
  const http = createServer(async ({ url = "" }, response) => {
    const [, scenario] = url.split("/handshake-of-");
    if (scenario !== undefined) await handshakeOf(scenario).promise;
    const type = url.endsWith(".js") ? "text/javascript" : "text/html";
    response.writeHead(200, { "content-type": type }).end(serve(url));
  });
  http.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://gateway");
    const path = pathname.slice(1);
    const scenario = searchParams.get("scenario");
    stream.on("error", () => {});
    if (scenario !== null) handshakeOf(scenario).resolve();
    if (path === "hang") return void held.push(stream);
    if (path === "drop") return void stream.destroy();
    if (path === "refuse")
      return void stream.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    server.handleUpgrade(request, stream, head, (socket) => {
      socket.on("message", function hear(data) {
        if (JSON.parse(String(data)).type !== "ping") return;
        socket.off("message", hear);
        void answer(socket, path);
      });
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}`,
    origin: `http://127.0.0.1:${port}`,
    async close() {
      for (const stream of held) stream.destroy();
      for (const socket of server.clients) socket.terminate();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

async function answer(socket: WebSocket, path: string): Promise<void> {
  if (path === "pong") socket.send('{"type":"pong"}');
  if (path === "pong" || path === "garbage") await sendOneByOne(socket, garbage);
  else if (path === "cut") socket.terminate();
  else if (path.startsWith("close-")) socket.close(Number(path.slice("close-".length)));
}

/** A network may bring them so: whoever has heard the first has not heard the last. */
async function sendOneByOne(socket: WebSocket, frames: readonly (string | Uint8Array)[]): Promise<void> {
  for (const frame of frames) {
    await new Promise((resolve) => socket.send(frame, resolve));
    await new Promise(setImmediate);
  }
}
