import type { Clock } from "@realchat/presence-runtime";
import { type ConnectionOptions, RedisConnection } from "../connection.ts";
import type { RedisLink, RedisServer, RedisServers, ServersOptions, ServersUse } from "./redis-servers.ts";

/** All parts on one server: the link of each is the one connection. */
export class OneServer implements RedisServers {
  readonly links: readonly RedisLink[];
  readonly servers: readonly RedisServer[];
  readonly #address: ConnectionOptions["address"];
  readonly #options: ServersOptions;
  readonly #clock: Clock;
  readonly #connection: RedisConnection;

  constructor(address: ConnectionOptions["address"], options: ServersOptions, clock: Clock) {
    const { prepare, onLost, ...connecting } = options;
    const parts = [...options.parts.keys()];
    this.#address = address;
    this.#options = options;
    this.#clock = clock;
    this.#connection = new RedisConnection(
      { ...connecting, address, prepare: (client) => prepare(client, parts), onLost: () => onLost?.(parts) },
      clock,
    );
    this.links = parts.map(() => this.#connection);
    this.servers = [{ name: address.shown, link: this.#connection, parts: new Set(parts) }];
  }

  get pending(): number {
    return this.#connection.pending;
  }

  get detail(): string {
    return this.#connection.detail;
  }

  start(): Promise<void> {
    return this.#connection.start();
  }

  close(): void {
    this.#connection.close();
  }

  beside(use: ServersUse): RedisServers {
    return new OneServer(this.#address, { ...this.#options, ...use }, this.#clock);
  }
}
