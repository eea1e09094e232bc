import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";
import { resetConnection } from "./reset-connection.ts";
import { waitUntil } from "./wait-until.ts";

for (const [what, end] of [
  ["is open", () => {}],
  ["is ending", (socket) => socket.end()],
] as const satisfies [string, (socket: ReturnType<typeof connect>) => void][]) {
  test(`a connection that ${what} is closed when it is reset`, async (t) => {
    const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    const accepting = once(server, "connection");
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    await once(socket, "connect");
    const [peer] = await accepting;
    let isClosed = false;
    socket.on("close", () => {
      isClosed = true;
    });
    peer.on("error", () => {}).on("end", () => peer.end());
    peer.resume();
    end(socket);
    resetConnection(socket);
    await waitUntil(() => isClosed, { what: "it is closed" });
    await waitUntil(() => peer.destroyed, { what: "its peer has noticed" });
  });
}
