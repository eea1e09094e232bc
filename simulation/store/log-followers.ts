import type { LogListener } from "../../services/presence/store/store.ts";
import type { ServerConnection } from "./server-connection.ts";

/** Whoever follows the logs of shards over one connection: what a log says crosses the network, as long as that lasts. */
export class LogFollowers {
  readonly #connection: ServerConnection;
  readonly #follow: (shard: number, listener: LogListener) => () => void;
  readonly #listeners = new Map<LogListener, number>();

  /** @param follow the log, at the server; @returns ends that */
  constructor(connection: ServerConnection, follow: (shard: number, listener: LogListener) => () => void) {
    this.#connection = connection;
    this.#follow = follow;
  }

  add(shard: number, listener: LogListener): () => void {
    this.#listeners.set(listener, shard);
    if (this.#connection.isReady) this.#listen(shard, listener);
    return () => this.#listeners.delete(listener);
  }

  /** The connection is another one. */
  listenAgain(): void {
    for (const [listener, shard] of this.#listeners) this.#listen(shard, listener);
  }

  #listen(shard: number, listener: LogListener): void {
    const { number } = this.#connection;
    const tell = (run: () => void) =>
      this.#connection.tell(number, () => {
        if (this.#listeners.has(listener)) run();
      });
    this.#connection.follow(() =>
      this.#follow(shard, {
        entry: (entry) => tell(() => listener.entry(entry)),
        interrupted: () => tell(() => listener.interrupted()),
        devicesChanged: (userId) => tell(() => listener.devicesChanged?.(userId)),
        leaseNotice: (notice) => tell(() => listener.leaseNotice?.(notice)),
      }),
    );
  }
}
