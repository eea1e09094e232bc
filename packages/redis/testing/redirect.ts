import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** An address that leads to one server and later to another, as a name in DNS does. Connections stay where they are. */
export interface Redirect {
  /** `redis://…` */
  readonly url: string;
  /** Connections that were made so far. */
  readonly connections: number;
  /** From now on, new connections lead there. */
  to(target: { readonly port: number }): void;
  close(): void;
}

export async function openRedirect(target: { readonly port: number }): Promise<Redirect> {
  let { port } = target;
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    connections += 1;
    const redis = connect({ host: "127.0.0.1", port, noDelay: true });
    for (const [socket, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    to(next) {
      port = next.port;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
