import { settleStore, startRedis } from "@realchat/presence-testing";
import { createClient } from "@redis/client";

/** Of a store that a benchmark opens on it. */
const shardsMax = 64;

/** A real Redis of our own, and what it says about itself. */
export interface MeasuredRedis {
  readonly url: string;
  readonly pid: number;
  /** A client as the baseline's service would have one: its commands of one moment travel together. */
  readonly client: PlainClient;
  /** CPU time that the server has used, µs. Source: INFO cpu, which is getrusage(2). */
  cpuUs(): Promise<number>;
  /** `used_memory` without its clients' buffers, which come and go. Source: INFO memory. */
  dataBytes(): Promise<number>;
  /** Times that it read from a connection, these questions included. Source: INFO stats. */
  reads(): Promise<number>;
  stop(): Promise<void>;
}

export type PlainClient = ReturnType<typeof makeClient>;

export async function startMeasuredRedis(args: readonly string[] = []): Promise<MeasuredRedis> {
  const redis = await startRedis({ args });
  await settleStore(redis.url, shardsMax);
  const client = makeClient(redis.url);
  await client.connect();
  const info = async (section: string, ...fields: string[]) => {
    const text = await client.sendCommand<string>(["INFO", section]);
    return fields.map((field) => Number(new RegExp(`^${field}:(.*)$`, "m").exec(text)?.[1]));
  };
  const single = async (section: string, field: string) => (await info(section, field))[0] as number;
  return {
    url: redis.url,
    pid: redis.pid,
    client,
    async cpuUs() {
      const [user, system] = (await info("cpu", "used_cpu_user", "used_cpu_sys")) as [number, number];
      return (user + system) * 1_000_000;
    },
    async dataBytes() {
      const [used, clients] = (await info("memory", "used_memory", "mem_clients_normal")) as [number, number];
      return used - clients;
    },
    reads: () => single("stats", "total_reads_processed"),
    async stop() {
      client.destroy();
      await redis.stop();
    },
  };
}

function makeClient(url: string) {
  return createClient({ url, RESP: 2 });
}
