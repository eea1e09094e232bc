import type { Clock } from "@realchat/presence-runtime";
import { type RedisClient, RedisConnection } from "../../connection.ts";
import type { RedisAddress } from "../../redis-address.ts";
import { describe, replyBehind } from "../../redis-error.ts";
import { locatorAt } from "../../redis-locator.ts";
import type { Reply } from "../../replies.ts";
import type { RedisServer, ServersOptions } from "../redis-servers.ts";
import type { PartLink } from "./part-link.ts";
import type { NodePlace } from "./slot-map.ts";

/** What a reply about one slot says, and not about the whole server. Source: Redis' src/cluster.c, clusterRedirectClient */
const ofOneSlot = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|CROSSSLOT) |non local key/;
/** Silence after which calls do not wait for a server any longer, as looks of 100 ms. */
const patienceLooks = 5;

/** One primary, the connection to it, and which of the parts it has. */
export class ClusterNode implements RedisServer {
  readonly name: string;
  readonly place: NodePlace;
  readonly connection: RedisConnection;
  readonly #options: ServersOptions;
  /** By part. */
  readonly #links: readonly PartLink[];
  /** Parts that it has by the map, and those of them that it serves: they were prepared on the present connection. */
  readonly #assigned = new Set<number>();
  readonly #served = new Set<number>();
  #client: RedisClient | undefined;
  #isArriving = false;
  /** Calls that wait for their replies. */
  readonly #waiting = new Set<(error: Error) => void>();
  #replies = 0;
  #repliesSeen = 0;
  #silentLooks = 0;

  constructor(
    at: { readonly place: NodePlace; readonly name: string; readonly address: RedisAddress },
    options: ServersOptions,
    links: readonly PartLink[],
    onLost: () => void,
    clock: Clock,
  ) {
    this.name = at.name;
    this.place = at.place;
    this.#options = options;
    this.#links = links;
    let arrived: readonly number[] = [];
    this.connection = new RedisConnection(
      {
        ...options,
        locator: locatorAt(at.address),
        prepare: async (client) => {
          const result = await this.#prepare(client, [...this.#assigned]);
          this.#client = client;
          arrived = result.arrived;
          return result.server;
        },
        onReady: () => {
          this.#silentLooks = 0;
          this.#serve(arrived);
        },
        onLost: () => {
          this.#client = undefined;
          this.#leave([...this.#served]);
          onLost();
        },
      },
      clock,
    );
  }

  get link(): PartLink {
    const [first] = this.#served;
    return this.#links[first as number] as PartLink;
  }

  get parts(): ReadonlySet<number> {
    return this.#served;
  }

  get hasParts(): boolean {
    return this.#assigned.size > 0;
  }

  /** Whether calls had to wait for replies for too long, and do not any more. */
  get isStalled(): boolean {
    return this.#silentLooks >= patienceLooks;
  }

  assign(part: number): void {
    this.#assigned.add(part);
  }

  /** The part is another server's. */
  release(part: number): void {
    this.#assigned.delete(part);
    this.leave(part);
  }

  /** The part is not served until it was prepared again. */
  leave(part: number): void {
    if (this.#served.has(part)) this.#leave([part]);
  }

  /** Prepares parts that came after the connection was ready. */
  async arrive(): Promise<void> {
    const client = this.#client;
    const parts = [...this.#assigned].filter((part) => !this.#served.has(part));
    if (this.#isArriving || client === undefined || !this.connection.isReady || parts.length === 0) return;
    this.#isArriving = true;
    try {
      const { arrived } = await this.#prepare(client, parts);
      if (client === this.#client) this.#serve(arrived);
    } catch (error) {
      for (const part of parts) (this.#links[part] as PartLink).trouble = describe(error);
    }
    this.#isArriving = false;
  }

  close(): void {
    this.connection.close();
    this.#leave([...this.#served]);
  }

  /** As RedisConnection, but calls do not wait for a server that fell silent: others go on. */
  send(command: readonly (string | Buffer)[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      const settled = () => {
        this.#waiting.delete(reject);
        this.#replies += 1;
      };
      this.connection.send(command).then(
        (reply) => {
          settled();
          resolve(reply);
        },
        (error) => {
          settled();
          reject(error);
        },
      );
    });
  }

  /** Looks whether replies come; to be called every 100 ms. Looks are counted, not time: see RedisConnection. */
  watch(): void {
    const isSilent = this.#replies === this.#repliesSeen && this.connection.pending > 0;
    this.#repliesSeen = this.#replies;
    this.#silentLooks = isSilent ? this.#silentLooks + 1 : 0;
    if (!this.isStalled || this.#waiting.size === 0) return;
    const error = this.silence();
    for (const reject of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  silence(): Error {
    return this.connection.failure(new Error(`no reply for ${patienceLooks * 100} ms`));
  }

  #serve(arrived: readonly number[]): void {
    const parts = arrived.filter((part) => this.#assigned.has(part));
    for (const part of parts) {
      this.#served.add(part);
      (this.#links[part] as PartLink).servedBy(this);
    }
    this.#options.onReady?.(parts);
  }

  #leave(parts: readonly number[]): void {
    if (parts.length === 0) return;
    for (const part of parts) {
      this.#served.delete(part);
      (this.#links[part] as PartLink).servedBy(undefined);
    }
    this.#options.onLost?.(parts);
  }

  /** What holds one slot up holds up no other. */
  async #prepare(client: RedisClient, parts: readonly number[]) {
    const { prepare } = this.#options;
    try {
      return { server: await prepare(client, parts), arrived: parts };
    } catch (error) {
      if (!ofOneSlot.test(replyBehind(error))) throw error;
      if (parts.length === 1) (this.#links[parts[0] as number] as PartLink).refused(this, error);
      if (parts.length < 2) throw error;
    }
    const arrived: number[] = [];
    let server: string | undefined;
    let failure: unknown;
    for (const part of parts) {
      try {
        server = await prepare(client, [part]);
        arrived.push(part);
      } catch (error) {
        (this.#links[part] as PartLink).refused(this, error);
        failure = error;
      }
    }
    if (server === undefined) throw failure;
    return { server, arrived };
  }
}
