import type { Cancel, Clock } from "@realchat/presence-runtime";
import { createClient } from "@redis/client";
import type { RedisAddress } from "./redis-address.ts";
import { codeBehind, describe, isRefusal, RedisError, unavailable } from "./redis-error.ts";
import type { Reply } from "./replies.ts";

export type RedisClient = ReturnType<typeof makeClient>;

export interface ConnectionOptions {
  readonly address: RedisAddress;
  /** Most commands that wait for their reply. */
  readonly maxCommands: number;
  /** Silence that is taken for a dead connection, ms. */
  readonly commandTimeoutMs: number;
  /**
   * Runs first on every new connection.
   * @returns what to call the server
   * @throws RedisError REFUSED when this server must not be used
   */
  readonly prepare: (client: RedisClient) => Promise<string>;
  /** A connection that was ready is no more. */
  readonly onLost?: () => void;
  /**
   * Makes the error that a caller gets when Redis cannot answer, so that it is its port's own from the start: when Redis
   * is gone there are many. A RedisError UNAVAILABLE by default. codeBehind finds the reply by the cause.
   */
  readonly unavailable?: (message: string, options: ErrorOptions) => Error;
}

type State =
  | { readonly kind: "idle" | "closed" }
  | { readonly kind: "connecting"; readonly trouble: string }
  | { readonly kind: "ready"; readonly client: RedisClient; readonly server: string };

const watchPeriodMs = 250;
const backoffMinMs = 50;
const backoffMaxMs = 1_000;

/**
 * One connection to Redis that comes back by itself and never keeps a caller waiting: a command is sent now or fails
 * now, and is never sent twice.
 */
export class RedisConnection {
  readonly #options: ConnectionOptions;
  readonly #clock: Clock;
  #state: State = { kind: "idle" };
  #pending = 0;
  /** Whether a reply came since the watchdog last looked. */
  #isProgressing = false;
  #silentPeriods = 0;
  #failedAttempts = 0;
  #cancelRetry: Cancel = () => {};
  #cancelWatch: Cancel = () => {};

  constructor(options: ConnectionOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  get isReady(): boolean {
    return this.#state.kind === "ready";
  }

  /** Commands whose reply is awaited. */
  get pending(): number {
    return this.#pending;
  }

  /** What an operator should know. */
  get detail(): string {
    const { shown } = this.#options.address;
    switch (this.#state.kind) {
      case "ready":
        return `${this.#state.server} at ${shown}`;
      case "connecting":
        return `connecting to ${shown}: ${this.#state.trouble}`;
      default:
        return `not connected to ${shown}`;
    }
  }

  /**
   * Makes the first attempt; when Redis cannot be reached it resolves, too, and goes on trying for ever.
   * @throws RedisError REFUSED when this Redis must not be used, or does not let us in
   */
  async start(): Promise<void> {
    this.#state = { kind: "connecting", trouble: "first attempt" };
    this.#cancelWatch = this.#clock.every(watchPeriodMs, () => this.#watch());
    const error = await this.#attempt();
    if (!(error instanceof RedisError && error.code === "REFUSED")) return;
    this.close();
    throw error;
  }

  close(): void {
    const state = this.#state;
    this.#state = { kind: "closed" };
    this.#cancelRetry();
    this.#cancelWatch();
    if (state.kind === "ready") state.client.destroy();
  }

  /** @throws what the option `unavailable` makes, at once when there is no connection */
  send(command: readonly (string | Buffer)[]): Promise<Reply> {
    if (this.#state.kind !== "ready") return Promise.reject(this.unavailable());
    this.#pending += 1;
    return (this.#state.client.sendCommand(command) as Promise<Reply>).then(this.#onReply, this.#onFailure);
  }

  /** Gives the present connection up, because of the error, and makes a new one. */
  drop(error: unknown): void {
    if (this.#state.kind === "ready") this.#lose(this.#state.client, error);
  }

  /** Why nothing can be sent now. */
  unavailable(): Error {
    return this.failure(new Error(this.detail));
  }

  /** What a caller is told when Redis cannot answer: never a guess. The cause keeps the original. */
  failure(cause: unknown): Error {
    const make = this.#options.unavailable ?? unavailable;
    return make(`${this.#options.address.shown} cannot answer: ${describe(cause)}`, { cause });
  }

  readonly #onReply = (reply: Reply): Reply => {
    this.#pending -= 1;
    this.#isProgressing = true;
    return reply;
  };

  readonly #onFailure = (error: unknown): never => {
    this.#pending -= 1;
    this.#isProgressing = true;
    const isLost = this.#state.kind === "connecting" && codeBehind(error) === "";
    const cause = isLost
      ? new Error(`the connection was lost before it did (${this.detail})`, { cause: error })
      : error;
    throw this.failure(cause);
  };

  /** @returns why it failed, undefined when the connection is ready */
  async #attempt(): Promise<unknown> {
    const { address, commandTimeoutMs, prepare } = this.#options;
    const client = makeClient(this.#options);
    client.on("error", (error) => this.#lose(client, error));
    let cancelTimeout: Cancel = () => {};
    client.once("connect", () => {
      cancelTimeout = this.#clock.after(commandTimeoutMs, () => client.destroy());
    });
    try {
      await client.connect();
      const server = await prepare(client);
      cancelTimeout();
      if (this.#state.kind === "closed") return client.destroy();
      this.#failedAttempts = 0;
      this.#silentPeriods = 0;
      this.#state = { kind: "ready", client, server };
      return undefined;
    } catch (error) {
      cancelTimeout();
      client.destroy();
      const cause = isRefusal(error)
        ? new RedisError("REFUSED", `${address.shown}: ${describe(error)}`, { cause: error })
        : error;
      this.#retry(describe(cause));
      return cause;
    }
  }

  #lose(client: RedisClient, error: unknown): void {
    if (this.#state.kind !== "ready" || this.#state.client !== client) return;
    this.#retry(describe(error));
    client.destroy();
    this.#options.onLost?.();
  }

  #retry(trouble: string): void {
    if (this.#state.kind === "closed") return;
    this.#state = { kind: "connecting", trouble };
    const ceilingMs = Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(this.#failedAttempts, 10));
    this.#failedAttempts += 1;
    // Jitter: the nodes of a whole installation lose Redis at the same moment.
    this.#cancelRetry = this.#clock.after(ceilingMs * (0.5 + this.#clock.random() / 2), () => void this.#attempt());
  }

  /**
   * Ends a connection on which replies are awaited and none comes. Looks are counted, not time: after this very process
   * was frozen the replies are there, and the next look comes before they were read.
   */
  #watch(): void {
    if (this.#state.kind !== "ready") return;
    if (this.#pending === 0) {
      this.send(["PING"]).catch(() => {});
    } else if (!this.#isProgressing) {
      this.#silentPeriods += 1;
      const silentMs = this.#silentPeriods * watchPeriodMs;
      if (silentMs < this.#options.commandTimeoutMs) return;
      this.drop(new Error(`no reply for ${silentMs} ms`));
    }
    this.#isProgressing = false;
    this.#silentPeriods = 0;
  }
}

function makeClient({ address, commandTimeoutMs, maxCommands }: ConnectionOptions) {
  return createClient({
    url: address.url,
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled",
    commandsQueueMaxLength: maxCommands,
    // A timer for each command costs more than the command; one watchdog looks after all.
    commandOptions: { timeout: undefined },
    // A caller without an answer must know, so a lost connection ends the client; the next attempt makes a new one.
    socket: {
      reconnectStrategy: false,
      connectTimeout: commandTimeoutMs,
      ...(address.tls && { tls: true, ...address.tls }),
    },
  });
}
