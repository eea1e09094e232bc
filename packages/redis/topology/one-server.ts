import type { Clock } from "@realchat/presence-runtime";
import { type RedisClient, RedisConnection } from "../connection.ts";
import type { LossReason } from "../loss-reason.ts";
import { isServerRefusal, RedisError } from "../redis-error.ts";
import type { RedisLocator } from "../redis-locator.ts";
import { runIdOf } from "../server-check.ts";
import {
  noListeners,
  type RedisLink,
  type RedisServer,
  type RedisServers,
  type ServersOptions,
  type ServersUse,
} from "./redis-servers.ts";

/** All parts on one server, wherever that is at the moment: the link of each is the one connection. */
export class OneServer implements RedisServers {
  readonly links: readonly RedisLink[];
  readonly #locator: RedisLocator;
  readonly #options: ServersOptions;
  readonly #clock: Clock;
  readonly #connection: RedisConnection;
  readonly #parts: ReadonlySet<number>;
  readonly #isFirst: boolean;
  /** Those whose connection must lead to the same server as this one. */
  readonly #besides: OneServer[] = [];
  /** Of the server that the connection leads to; undefined while there is none. */
  #runId: string | undefined;

  /** @param first the servers that these are beside */
  constructor(locator: RedisLocator, options: ServersOptions, clock: Clock, first?: OneServer) {
    const { prepare, onReady, onLost, ...connecting } = options;
    const parts = [...options.parts.keys()];
    this.#parts = new Set(parts);
    this.#isFirst = first === undefined;
    this.#locator = locator;
    this.#options = options;
    this.#clock = clock;
    this.#connection = new RedisConnection(
      {
        ...connecting,
        locator,
        prepare: async (client) => {
          // Asked together: each further round trip is another chance for a link that flaps to cut it off.
          const [, server] = await Promise.all([this.#identify(client, first), prepare(client, parts)]);
          return server;
        },
        onReady: () => {
          this.#rejoin();
          onReady?.(parts);
        },
        onLost: (_, error) => {
          this.#runId = undefined;
          if (isServerRefusal(error)) for (const beside of this.#besides) beside.#connection.drop(error);
          onLost?.(parts);
        },
      },
      clock,
    );
    this.links = parts.map(() => this.#connection);
  }

  get servers(): readonly RedisServer[] {
    return [{ name: this.#connection.place, link: this.#connection, parts: this.#parts }];
  }

  get pending(): number {
    return this.#connection.pending;
  }

  get losses(): Readonly<Record<LossReason, number>> {
    return this.#connection.losses;
  }

  get detail(): string {
    return this.#connection.detail;
  }

  get downAfterMs(): number | undefined {
    return this.#locator.downAfterMs;
  }

  start(): Promise<void> {
    return this.#connection.start();
  }

  close(): void {
    this.#connection.close();
    if (this.#isFirst) this.#locator.close();
  }

  beside(use: ServersUse): RedisServers {
    const beside = new OneServer(this.#locator, { ...this.#options, ...noListeners, ...use }, this.#clock, this);
    this.#besides.push(beside);
    return beside;
  }

  /** Two connections by one address may lead to two servers, as long as one of them is being replaced by the other. */
  async #identify(client: RedisClient, first: OneServer | undefined): Promise<void> {
    this.#runId = await runIdOf(client);
    if (first === undefined || first.#runId === undefined || first.#runId === this.#runId) return;
    throw new RedisError("UNAVAILABLE", "it is another server than the one that has the state");
  }

  #rejoin(): void {
    for (const beside of this.#besides) {
      if (beside.#runId === undefined || beside.#runId === this.#runId) continue;
      beside.#connection.drop(new Error("the state is on another server now"), "moved");
    }
  }
}
