import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { resetConnection } from "@realchat/presence-testing";
import type { Random } from "./interleavings/random.ts";

/** A proxy to a Redis, which can stall, cut connections while replies are in flight, or be a link that flaps. */
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
  /** From now on this share of the chunks, either way, is lost, and resets the connection that it came on; 0: none. */
  flap(share: number, random: Random): void;
  close(): Promise<void>;
}

export async function openLossyProxy(target: { host: string; port: number }): Promise<LossyProxy> {
  const connections = new Map<Socket, Socket>();
  let isLost = () => false;
  const server = createServer({ noDelay: true }, (client) => {
    const redis = connect({ ...target, noDelay: true });
    connections.set(client, redis);
    for (const [socket, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      socket.on("data", (bytes) => {
        if (!isLost()) return other.write(bytes);
        resetConnection(client);
        resetConnection(redis);
      });
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
    flap(share, random) {
      isLost = () => random.chance(share);
    },
    async close() {
      server.close();
      await cut();
    },
  };
}
