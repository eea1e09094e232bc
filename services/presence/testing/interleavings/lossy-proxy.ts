import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A proxy to a Redis, which can stall, or cut connections while replies are in flight. */
export interface LossyProxy {
  /** `redis://…` of the proxy. */
  readonly url: string;
  /**
   * Cuts all connections: their clients get no more replies, but what had reached Redis is carried out.
   * @returns when it has been
   */
  cut(): Promise<void>;
  /** Holds back commands to Redis until `resume`. */
  stall(): void;
  resume(): void;
  close(): Promise<void>;
}

export async function openLossyProxy(target: { host: string; port: number }): Promise<LossyProxy> {
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
    resume() {
      for (const client of connections.keys()) client.resume();
    },
    async close() {
      server.close();
      await cut();
    },
  };
}
