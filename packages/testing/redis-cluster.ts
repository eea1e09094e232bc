import { freePort } from "./free-port.ts";
import { MissingServerError } from "./provision/missing-server.ts";
import { provideRedis } from "./provision/redis-server.ts";
import { type RedisOptions, startRedis, type TestRedis } from "./redis.ts";
import { type RedisAnswer, redisCommand } from "./redis-command.ts";
import { waitUntil } from "./wait-until.ts";

export type RedisClusterOptions = Pick<RedisOptions, "user" | "password" | "tls" | "args"> & {
  /** Silence after which nodes take another one for dead, ms; default 1,000. */
  readonly nodeTimeoutMs?: number;
  /** See cluster-require-full-coverage of Redis; default false. */
  readonly requiresFullCoverage?: boolean;
};

/** A node of a Cluster that belongs to one test. */
export type ClusterNode = TestRedis & {
  readonly id: string;
  command(...command: string[]): Promise<RedisAnswer>;
};

/** Moves one slot with its keys to another node, as redis-cli --cluster reshard does. */
export type SlotMigration = {
  /** Moves these keys. */
  moveKeys(...keys: string[]): Promise<void>;
  /** Moves all others, and hands the slot over. */
  finish(): Promise<void>;
};

/** A Redis Cluster of three primaries with a replica each. */
export type TestRedisCluster = {
  /** Of one of its nodes. */
  readonly url: string;
  /** The first three began as primaries, each with a third of the slots; the others as a replica of one of them each. */
  readonly nodes: readonly ClusterNode[];
  slotOf(key: string): Promise<number>;
  /** The node that has the slot, by the word of those that see most of the Cluster. */
  primaryOf(slot: number): Promise<ClusterNode>;
  /** Nodes that have slots, by the word of those that see most of the Cluster. */
  primaries(): Promise<readonly ClusterNode[]>;
  /** Has a replica take its primary's place while both are well. @returns the new primary */
  failover(primary: ClusterNode): Promise<ClusterNode>;
  /** Says what is to come; see SlotMigration. */
  beginMigration(slot: number, to: ClusterNode): Promise<SlotMigration>;
  migrateSlot(slot: number, to: ClusterNode): Promise<void>;
  /** Waits until all nodes run, agree about who has the slots, and each primary has a replica in step. */
  untilWhole(): Promise<void>;
  /** Waits until each primary's replica has all that was written by now: whichever is elected then, nothing of it is lost. */
  untilReplicated(): Promise<void>;
  stop(): Promise<void>;
};

const primaryCount = 3;
const slotCount = 16_384;

/**
 * Starts six real servers on loopback and makes a Cluster of them, by commands alone.
 * @throws MissingServerError where redis-server is in a container only
 */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<TestRedisCluster> {
  if ((await provideRedis()).kind === "container") {
    throw new MissingServerError("Redis", "a Cluster on loopback needs a redis-server outside of containers");
  }
  const nodes = await Promise.all(Array.from({ length: 2 * primaryCount }, () => startNode(options)));
  const cluster = new Cluster(nodes, options);
  try {
    await cluster.form();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

type StartedNode = ClusterNode & { readonly busPort: number };

async function startNode(options: RedisClusterOptions): Promise<StartedNode> {
  const { nodeTimeoutMs = 1_000, requiresFullCoverage = false, args = [], ...access } = options;
  const busPort = await freePort();
  const server = await startRedis({
    ...access,
    args: [
      ...["--cluster-enabled", "yes", "--cluster-port", String(busPort)],
      ...["--cluster-require-full-coverage", requiresFullCoverage ? "yes" : "no"],
      // A replica stands for election however old its data are: tests want to see that, too.
      ...["--cluster-node-timeout", String(nodeTimeoutMs), "--cluster-replica-validity-factor", "0"],
      ...["--cluster-allow-replica-migration", "no", "--repl-diskless-sync-delay", "0"],
      ...(access.tls === undefined ? [] : ["--tls-cluster", "yes", "--tls-replication", "yes"]),
      ...(access.password === undefined ? [] : ["--masterauth", access.password]),
      ...(access.user === undefined ? [] : ["--masteruser", access.user]),
      ...args,
    ],
  });
  const { host, port } = server;
  const command = (...words: string[]) => redisCommand({ host, port, ...access }, ...words);
  return Object.assign(server, { busPort, command, id: String(await command("CLUSTER", "MYID")) });
}

class Cluster implements TestRedisCluster {
  readonly url: string;
  readonly nodes: readonly StartedNode[];
  /** In MIGRATE. */
  readonly #login: readonly string[];

  constructor(nodes: readonly StartedNode[], { user = "default", password }: RedisClusterOptions) {
    this.nodes = nodes;
    this.url = (nodes[0] as StartedNode).url;
    this.#login = password === undefined ? [] : ["AUTH2", user, password];
  }

  /** Every node is told of every other one: gossip alone would take seconds. */
  async form(): Promise<void> {
    await Promise.all(
      this.nodes.map(async (node, index) => {
        await node.command("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
        for (const { host, port, busPort } of this.nodes) {
          if (port !== node.port) await node.command("CLUSTER", "MEET", host, String(port), String(busPort));
        }
        if (index >= primaryCount) return;
        const [from, to] = [index, index + 1].map((part) => Math.floor((part * slotCount) / primaryCount));
        await node.command("CLUSTER", "ADDSLOTSRANGE", String(from), String((to as number) - 1));
      }),
    );
    await waitUntil(async () => (await this.#all("INFO")).every((info) => info.includes("cluster_known_nodes:6")), {
      what: "the nodes of the Cluster know each other",
    });
    await Promise.all(
      this.nodes.slice(primaryCount).map((replica, index) => {
        const primary = this.nodes[index] as StartedNode;
        return waitUntil(async () => (await replica.command("CLUSTER", "REPLICATE", primary.id)) === "OK", {
          what: "a node of the Cluster becomes a replica",
        });
      }),
    );
    await this.untilWhole();
  }

  async slotOf(key: string): Promise<number> {
    return Number(await this.#anyOf((node) => node.command("CLUSTER", "KEYSLOT", key)));
  }

  async primaryOf(slot: number): Promise<ClusterNode> {
    return waitUntil(async () => (await this.#owners()).find(({ from, to }) => from <= slot && slot <= to)?.node, {
      what: `some node has slot ${slot}`,
    }) as Promise<ClusterNode>;
  }

  async primaries(): Promise<readonly ClusterNode[]> {
    return [...new Set((await this.#owners()).map(({ node }) => node))];
  }

  async failover(primary: ClusterNode): Promise<ClusterNode> {
    const replica = await this.#replicaOf(primary);
    await replica.command("CLUSTER", "FAILOVER");
    await waitUntil(async () => String(await replica.command("ROLE")).startsWith("master"), {
      what: "the replica is the primary",
    });
    return replica;
  }

  async beginMigration(slot: number, to: ClusterNode): Promise<SlotMigration> {
    const from = await this.primaryOf(slot);
    const number = String(slot);
    await to.command("CLUSTER", "SETSLOT", number, "IMPORTING", from.id);
    await from.command("CLUSTER", "SETSLOT", number, "MIGRATING", to.id);
    const moveKeys = async (...keys: string[]) => {
      const where = [to.host, String(to.port), "", "0", "5000"];
      await from.command("MIGRATE", ...where, ...this.#login, "KEYS", ...keys);
    };
    return {
      moveKeys,
      finish: async () => {
        for (;;) {
          const keys = (await from.command("CLUSTER", "GETKEYSINSLOT", number, "100")) as readonly string[];
          if (keys.length === 0) break;
          await moveKeys(...keys);
        }
        for (const node of [to, from]) await node.command("CLUSTER", "SETSLOT", number, "NODE", to.id);
      },
    };
  }

  async migrateSlot(slot: number, to: ClusterNode): Promise<void> {
    await (await this.beginMigration(slot, to)).finish();
  }

  async untilWhole(): Promise<void> {
    await waitUntil(
      async () => {
        const views = await this.#all("SLOTS");
        const primaries = await this.primaries();
        const inStep = await Promise.all(primaries.map((primary) => hasReplicaInStep(primary)));
        const states = await this.#all("INFO");
        return (
          new Set(views).size === 1 &&
          primaries.length === primaryCount &&
          inStep.every(Boolean) &&
          states.every((info) => info.includes("cluster_state:ok"))
        );
      },
      { what: "the Cluster is whole" },
    );
  }

  async untilReplicated(): Promise<void> {
    await Promise.all(
      (await this.primaries()).map(async (primary) => {
        const { written } = await replicationOf(primary);
        await waitUntil(async () => (await replicationOf(primary)).acknowledged >= written, {
          what: `a replica of ${primary.port} has what was written`,
        });
      }),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  #all(what: "INFO" | "SLOTS"): Promise<string[]> {
    return Promise.all(
      this.nodes.map(async (node) => {
        const answer = await node.command("CLUSTER", what);
        return what === "INFO" ? String(answer) : JSON.stringify(slotsIn(answer));
      }),
    );
  }

  /** @throws the last error when no node answers */
  async #anyOf<T>(ask: (node: StartedNode) => Promise<T>): Promise<T> {
    return Promise.any(this.nodes.map(ask));
  }

  /** Who has which slots, by the word of a node that sees most primaries. */
  async #owners(): Promise<readonly { from: number; to: number; node: StartedNode }[]> {
    const answer = await this.#anyOf(async (node) => {
      const info = String(await node.command("CLUSTER", "INFO"));
      if (!info.includes("cluster_state:ok")) throw new Error(`node ${node.port} does not see most of the Cluster`);
      return node.command("CLUSTER", "SLOTS");
    });
    return slotsIn(answer).map(({ from, to, id }) => {
      return { from, to, node: this.nodes.find((node) => node.id === id) as StartedNode };
    });
  }

  async #replicaOf(primary: ClusterNode): Promise<StartedNode> {
    const replicas = String(await primary.command("CLUSTER", "REPLICAS", primary.id));
    return this.nodes.find(({ id }) => id !== primary.id && replicas.includes(id)) as StartedNode;
  }
}

/** In order of the slots. */
function slotsIn(answer: RedisAnswer): { from: number; to: number; id: string }[] {
  const ranges = answer as readonly [number, number, readonly [string, number, string]][];
  return ranges.map(([from, to, [, , id]]) => ({ from, to, id })).sort((one, other) => one.from - other.from);
}

async function hasReplicaInStep(primary: ClusterNode): Promise<boolean> {
  return (await replicationOf(primary)).acknowledged >= 0;
}

/** Bytes of the primary's stream, and how many of them a replica that is online has; -1: there is none. */
async function replicationOf(primary: ClusterNode): Promise<{ written: number; acknowledged: number }> {
  const info = String(await primary.command("INFO", "replication"));
  return {
    written: Number(/^master_repl_offset:(\d+)/m.exec(info)?.[1]),
    acknowledged: Number(/^slave\d+:.*state=online,offset=(\d+)/m.exec(info)?.[1] ?? -1),
  };
}
