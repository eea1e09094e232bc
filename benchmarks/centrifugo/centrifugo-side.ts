import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, startChild, temporaryFolder, waitUntil } from "@realchat/presence-testing";
import { WebSocket } from "ws";
import { cpuUsOf } from "../load/process-usage.ts";
import { startMeasuredRedis } from "../redis/measured-redis.ts";
import type { FleetClient } from "./fleet-process.ts";
import { type Gateway, roomOf, type Side, type Wish } from "./side.ts";

const userHeader = "X-User-Id";
const secret = randomBytes(32).toString("hex");
const starChannel = "star";

/**
 * Centrifugo on its Redis engine, with presence and join and leave messages in every channel. A room is a channel, and so
 * is the star, which joins and leaves it.
 * @param program path of the server
 */
export async function startCentrifugoSide(program: string): Promise<Side> {
  const redis = await startMeasuredRedis();
  const folder = temporaryFolder("centrifugo");
  const gateways = new Set<Gateway>();
  const stars = new Map<Gateway, Star>();
  const starAtLatest = async () => {
    const latest = [...gateways].at(-1) as Gateway;
    const star = stars.get(latest) ?? (await Star.connect(latest));
    stars.set(latest, star);
    return star;
  };
  return {
    name: "Centrifugo",
    member: (index, gateway, wants) => client(`member-${index}`, { channel: roomOf(index) }, gateway, wants),
    watcher: (index, gateway) => {
      const userId = `watcher-${index}`;
      return client(userId, { channel: starChannel, token: watcherToken(userId) }, gateway, "subscription");
    },
    star: { online: `"channel":"${starChannel}","join"`, offline: `"channel":"${starChannel}","leave"` },
    grey: '"leave":',
    come: async () => (await starAtLatest()).ask({ subscribe: { channel: starChannel } }),
    go: async () => (await starAtLatest()).ask({ unsubscribe: { channel: starChannel } }),
    async startGateway() {
      const { kill, ...server } = await startServer(program, folder.path, redis.url);
      const gateway: Gateway = {
        ...server,
        kill() {
          gateways.delete(gateway);
          return kill();
        },
      };
      gateways.add(gateway);
      return gateway;
    },
    async cpu() {
      let used = 0;
      for (const { pid } of gateways) used += cpuUsOf(pid);
      return { gateways: used, presence: 0, redis: await redis.cpuUs() };
    },
    // The answer with which a client is ready comes after that.
    async untilRegistered() {},
    goodbye: 1_000,
    async stop() {
      for (const star of stars.values()) star.close();
      for (const gateway of gateways) await gateway.kill();
      await redis.stop();
      folder.remove();
    },
  };
}

async function startServer(program: string, folder: string, redisUrl: string): Promise<Gateway> {
  const port = await freePort();
  const config = join(folder, `${port}.json`);
  writeFileSync(config, JSON.stringify(configuration(port, redisUrl)));
  const child = await startChild(program, ["--config", config], { logFile: join(folder, `${port}.log`) });
  const isHealthy = async () => {
    if (child.exitCode() !== undefined) throw new Error(`Centrifugo ended; it said:\n${child.output()}`);
    return (await fetch(`http://127.0.0.1:${port}/health`)).status === 200;
  };
  await waitUntil(isHealthy, { what: "Centrifugo is healthy" });
  const kill = async () => void (await child.end("SIGKILL"));
  return { address: `127.0.0.1:${port}`, pid: child.pid, kill };
}

/** Source: https://centrifugal.dev/docs/server/configuration */
function configuration(port: number, redisUrl: string): object {
  return {
    http_server: { address: "127.0.0.1", port: String(port) },
    log: { level: "warn" },
    health: { enabled: true },
    engine: { type: "redis", redis: { address: redisUrl } },
    // As our gateway without tokens: whoever connects says who it is. Tokens serve the watchers' subscriptions alone.
    client: { user_id_http_header: userHeader, token: { hmac_secret_key: secret } },
    channel: {
      without_namespace: {
        presence: true,
        join_leave: true,
        force_push_join_leave: true,
        allow_subscribe_for_client: true,
        allow_presence_for_subscriber: true,
      },
    },
  };
}

/** Connects, subscribes and, if it wants to know, asks who is there, in one message, as its own client does. */
function client(
  userId: string,
  subscribe: { readonly channel: string; readonly token?: string },
  { address }: Gateway,
  wants: Wish,
): FleetClient {
  const commands: object[] = [
    { id: 1, connect: {} },
    { id: 2, subscribe },
  ];
  if (wants === "presence") commands.push({ id: 3, presence: { channel: subscribe.channel } });
  return {
    url: socketUrl(address),
    protocol: undefined,
    headers: { [userHeader]: userId },
    hello: commands.map((command) => JSON.stringify(command)).join("\n"),
    ready: wants === "presence" ? '"id":3,"presence"' : '"id":2,"subscribe"',
  };
}

const socketUrl = (address: string) => `ws://${address}/connection/websocket`;

/** A watcher's subscription without join and leave messages of its own: watchers do not see each other. */
function watcherToken(userId: string): string {
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");
  const override = { join_leave: { value: false }, force_push_join_leave: { value: true } };
  const signed = `${encoded({ alg: "HS256" })}.${encoded({ sub: userId, channel: starChannel, override })}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/** A client that joins the star's channel, and leaves it. */
class Star {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, () => void>();
  #commands = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    // Its server is killed in the end.
    socket.on("error", () => {});
    socket.on("message", (data: Buffer) => {
      for (const line of data.toString().split("\n")) this.#heard(line);
    });
  }

  static async connect({ address }: Gateway): Promise<Star> {
    const socket = new WebSocket(socketUrl(address), { headers: { [userHeader]: "star" } });
    await once(socket, "open");
    const star = new Star(socket);
    await star.ask({ connect: {} });
    return star;
  }

  /** Resolves at the answer. */
  ask(command: object): Promise<void> {
    const id = ++this.#commands;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, ...command }));
    });
  }

  close(): void {
    this.#socket.close();
  }

  #heard(line: string): void {
    const { id, error } = JSON.parse(line) as { id?: number; error?: object };
    if (error !== undefined) throw new Error(`Centrifugo answers ${line}`);
    if (id === undefined) {
      // A ping, or a push to all who are subscribed.
      if (line === "{}") this.#socket.send("{}");
      return;
    }
    this.#waiting.get(id)?.();
    this.#waiting.delete(id);
  }
}
