import { PresenceError } from "../../services/presence/domain/presence-error.ts";
import type { StoreHealth } from "../../services/presence/store/store.ts";
import type { Path } from "../network/path.ts";
import type { Machine } from "../time/machine.ts";

/** Silence that is taken for a dead connection, and the wait between attempts to connect, ms: as packages/redis does. */
export const silenceMs = 2_000;
const reconnectMinMs = 50;
const reconnectMaxMs = 1_000;

interface ServerConnectionOptions {
  /** The node's, and the server's. */
  readonly machine: Machine;
  readonly server: Machine;
  readonly path: Path;
  /** Runs first on every new connection, before anything else is sent. */
  readonly prepare: () => Promise<unknown>;
  readonly onReady: () => void;
  readonly onLost?: () => void;
}

/**
 * A node's connection to the server of its store. Each operation goes there and back, or fails as UNAVAILABLE when the
 * connection breaks, whether it was carried out or not. It connects again by itself, and sends nothing twice.
 */
export class ServerConnection {
  readonly #options: ServerConnectionOptions;
  readonly #waiting = new Set<(error: Error) => void>();
  /** Each ends what is followed over this connection. */
  #followed: (() => void)[] = [];
  /** Counts connections: what an older one carries is of no interest. */
  #number = 0;
  #state: "none" | "preparing" | "ready" = "none";
  #failedAttempts = 0;
  #heardMs = 0;
  /** The chance that an operation, or its answer, breaks the connection: a flapping link. */
  breakChance = 0;

  constructor(options: ServerConnectionOptions) {
    this.#options = options;
    options.machine.every(silenceMs / 4, () => this.#watch());
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  get health(): StoreHealth {
    const { isReady } = this;
    return {
      ready: isReady,
      serves: isReady,
      detail: isReady ? "connected" : "no connection",
      full: undefined,
      eviction: undefined,
      settings: { risks: [], unknown: undefined },
    };
  }

  /** Of the present connection. */
  get number(): number {
    return this.#number;
  }

  /** An attempt is answered, or given up. */
  connect(): void {
    if (this.#state !== "none") return;
    const { machine, server, path } = this.#options;
    const attempt = ++this.#number;
    this.#failedAttempts++;
    const giveUp = machine.after(silenceMs, () => {
      if (attempt === this.#number) this.#connectLater();
    });
    path.send(server, () =>
      path.send(machine, () => {
        if (attempt !== this.#number) return;
        giveUp();
        void this.#prepare(attempt);
      }),
    );
  }

  /** The connection breaks; what is on its way may still arrive. */
  break(): void {
    const wasReady = this.isReady;
    this.#state = "none";
    this.#number++;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#unfollow();
    if (wasReady) this.#options.onLost?.();
    for (const fail of waiting) fail(unavailable());
    this.#connectLater();
  }

  /** The node is gone, and the connection with it. */
  abandon(): void {
    this.#number++;
    this.#state = "none";
    this.#unfollow();
  }

  /** @param isFirst of those that prepare the connection */
  call<Result>(operation: () => Promise<Result> | Result, isFirst = false): Promise<Result> {
    if (!this.isReady && !(isFirst && this.#state === "preparing")) return Promise.reject(unavailable());
    const { machine, server, path } = this.#options;
    const connection = this.#number;
    return new Promise<Result>((resolve, reject) => {
      if (this.#waiting.size === 0) this.#heardMs = machine.monotonicMs();
      this.#waiting.add(reject);
      const answer = (settle: () => void) =>
        path.send(machine, () => {
          if (connection !== this.#number) return;
          this.#heardMs = machine.monotonicMs();
          if (this.#flaps()) {
            this.break();
            return;
          }
          this.#waiting.delete(reject);
          settle();
        });
      path.send(server, () => {
        new Promise<Result>((done) => done(operation())).then(
          (result) => answer(() => resolve(result)),
          (error) => answer(() => reject(error)),
        );
      });
      if (this.#flaps()) this.break();
    });
  }

  /** Follows something as long as this connection lasts. @param start runs at the server, and returns what ends it */
  follow(start: () => () => void): void {
    const number = this.#number;
    this.call(() => {
      if (number === this.#number) this.#followed.push(start());
    }).catch(() => {});
  }

  /** Sends something that the server says by itself to this end of the present connection. */
  tell(connection: number, run: () => void): void {
    const { machine, path } = this.#options;
    path.send(machine, () => {
      if (connection === this.#number) run();
    });
  }

  async #prepare(attempt: number): Promise<void> {
    this.#state = "preparing";
    this.#heardMs = this.#options.machine.monotonicMs();
    try {
      await this.#options.prepare();
    } catch {
      if (attempt === this.#number) this.break();
      return;
    }
    if (attempt !== this.#number) return;
    this.#state = "ready";
    this.#failedAttempts = 0;
    this.#options.onReady();
  }

  #unfollow(): void {
    for (const end of this.#followed) end();
    this.#followed = [];
  }

  #flaps(): boolean {
    return this.breakChance > 0 && this.#options.machine.random() < this.breakChance;
  }

  #watch(): void {
    const silentMs = this.#options.machine.monotonicMs() - this.#heardMs;
    if (this.#state !== "none" && this.#waiting.size > 0 && silentMs > silenceMs) this.break();
  }

  #connectLater(): void {
    const { machine } = this.#options;
    const ceilingMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(this.#failedAttempts, 10));
    machine.after(ceilingMs * (0.5 + machine.random() / 2), () => this.connect());
  }
}

export function unavailable(why = "the store cannot be reached"): PresenceError {
  return new PresenceError("UNAVAILABLE", why);
}
