import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** The way to a Redis, which may stall, or break while replies are on it. */
export interface LossyLink {
  /** `redis://…` that leads over the link. */
  readonly url: string;
  /**
   * Cuts all connections: their clients get no more replies, but what had reached Redis is carried out.
   * @returns when it has been
   */
  cut(): Promise<void>;
  /** Keeps what is sent to Redis on the way until `flow`. */
  stall(): void;
  flow(): void;
  close(): Promise<void>;
}

export async function openLossyLink(target: { host: string; port: number }): Promise<LossyLink> {
  const connections = new Map<Socket, Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const redis = connect({ ...target, noDelay: true });
    connections.set(client, redis);
    client.on("data", (bytes) => redis.write(bytes));
    redis.on("data", (bytes) => client.write(bytes));
    for (const [socket, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      socket.on("error", () => {});
      socket.on("close", () => {
        connections.delete(client);
        other.end();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  const cut = async () => {
    const ends = [...connections].map(([client, redis]) => {
      const end = once(redis, "close");
      redis.resume();
      client.destroy();
      redis.end();
      return end;
    });
    await Promise.all(ends);
  };
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    stall() {
      for (const client of connections.keys()) client.pause();
    },
    flow() {
      for (const client of connections.keys()) client.resume();
    },
    async close() {
      server.close();
      await cut();
    },
  };
}
