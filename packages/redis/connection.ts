import type { Cancel, Clock } from "@realchat/presence-runtime";
import { RedisClient as LibraryClient } from "@redis/client";
import { type LossReason, lossReasonOf, lossReasons } from "./loss-reason.ts";
import { type RedisAddress, withCurrentLogin } from "./redis-address.ts";
import { codeBehind, describe, isRefusal, RedisError, serverRefusalIn, unavailable } from "./redis-error.ts";
import type { RedisLocator } from "./redis-locator.ts";
import type { Reply } from "./replies.ts";

export type RedisClient = ReturnType<typeof makeClient>;

export interface ConnectionOptions {
  readonly locator: RedisLocator;
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
  /** A connection is ready. */
  readonly onReady?: () => void;
  /** A connection that was ready is no more. */
  readonly onLost?: (reason: LossReason, error: unknown) => void;
  /**
   * Makes the error that a caller gets when Redis cannot answer, so that it is its port's own from the start: when Redis
   * is gone there are many. A RedisError UNAVAILABLE by default. codeBehind finds the reply by the cause.
   */
  readonly unavailable?: (message: string, options: ErrorOptions) => Error;
}

type State =
  | { readonly kind: "idle" | "closed" }
  | { readonly kind: "connecting"; readonly trouble: string }
  | { readonly kind: "ready"; readonly link: Link; readonly server: string; readonly sinceMs: number };

/** A client, where it is connected, and what becomes of its replies. */
interface Link {
  readonly client: RedisClient;
  readonly address: RedisAddress;
  readonly onReply: (reply: Reply) => Reply;
  readonly onFailure: (error: unknown) => never;
}

const watchPeriodMs = 250;
const backoffMinMs = 50;
const backoffMaxMs = 1_000;
/** For how long a connection must have worked before the next one is not paced as a repetition of it, ms. */
const provenMs = 5_000;

/**
 * One connection to Redis that comes back by itself and never keeps a caller waiting: a command is sent now or fails
 * now, and is never sent twice. A server that says that it is none for now, such as a replica, is left like one that is
 * gone: the next attempt asks anew where to connect.
 */
export class RedisConnection {
  readonly #options: ConnectionOptions;
  readonly #clock: Clock;
  readonly #losses = Object.fromEntries(lossReasons.map((reason) => [reason, 0])) as Record<LossReason, number>;
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

  /** Connections that were ready and then were lost. */
  get losses(): Readonly<Record<LossReason, number>> {
    return this.#losses;
  }

  /** Where it is connected, else where it shall be. */
  get place(): string {
    return this.#state.kind === "ready" ? this.#state.link.address.shown : this.#options.locator.shown;
  }

  /** What an operator should know. */
  get detail(): string {
    const { shown } = this.#options.locator;
    switch (this.#state.kind) {
      case "ready":
        return `${this.#state.server} at ${this.#state.link.address.shown}`;
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
    if (state.kind === "ready") state.link.client.destroy();
  }

  /** @throws what the option `unavailable` makes, at once when there is no connection */
  send(command: readonly (string | Buffer)[]): Promise<Reply> {
    if (this.#state.kind !== "ready") return Promise.reject(this.unavailable());
    const { client, onReply, onFailure } = this.#state.link;
    this.#pending += 1;
    return (client.sendCommand(command) as Promise<Reply>).then(onReply, onFailure);
  }

  /** Gives the present connection up, because of the error, and makes a new one. */
  drop(error: unknown, reason = lossReasonOf(error)): void {
    if (this.#state.kind === "ready") this.#lose(this.#state.link.client, error, reason);
  }

  /** Why nothing can be sent now. */
  unavailable(): Error {
    return this.failure(new Error(this.detail));
  }

  /** What a caller is told when Redis cannot answer: never a guess. The cause keeps the original. */
  failure(cause: unknown): Error {
    const make = this.#options.unavailable ?? unavailable;
    return make(`${this.#options.locator.shown} cannot answer: ${describe(cause)}`, { cause });
  }

  #onReply(client: RedisClient, reply: Reply): Reply {
    this.#pending -= 1;
    this.#isProgressing = true;
    if (typeof reply === "object") {
      const refusal = serverRefusalIn(reply);
      if (refusal !== undefined) this.#lose(client, refusal, lossReasonOf(refusal));
    }
    return reply;
  }

  #onFailure(client: RedisClient, error: unknown): never {
    this.#pending -= 1;
    this.#isProgressing = true;
    const isLost = this.#state.kind === "connecting" && codeBehind(error) === "";
    const cause = isLost
      ? new Error(`the connection was lost before it did (${this.detail})`, { cause: error })
      : error;
    const refusal = serverRefusalIn(error);
    if (refusal !== undefined) this.#lose(client, refusal, lossReasonOf(refusal));
    throw this.failure(cause);
  }

  /** @returns why it failed, undefined when the connection is ready */
  async #attempt(): Promise<unknown> {
    const { locator } = this.#options;
    let { shown } = locator;
    try {
      const address = await locator.locate();
      shown = address.shown;
      await this.#connect(address);
      return undefined;
    } catch (error) {
      const cause = isRefusal(error)
        ? new RedisError("REFUSED", `${shown}: ${describe(error)}`, { cause: error })
        : error;
      this.#failedAttempts += 1;
      this.#retry(describe(cause));
      return cause;
    }
  }

  async #connect(address: RedisAddress): Promise<void> {
    const { commandTimeoutMs, prepare } = this.#options;
    const client = makeClient(address, this.#options);
    client.on("error", (error) => this.#lose(client, error, "closed"));
    let cancelTimeout: Cancel = () => {};
    client.once("connect", () => {
      cancelTimeout = this.#clock.after(commandTimeoutMs, () => client.destroy());
    });
    try {
      await client.connect();
      const server = await prepare(client);
      if (this.#state.kind === "closed") return client.destroy();
      this.#silentPeriods = 0;
      const link: Link = {
        client,
        address,
        onReply: (reply) => this.#onReply(client, reply),
        onFailure: (error) => this.#onFailure(client, error),
      };
      this.#state = { kind: "ready", link, server, sinceMs: this.#clock.monotonicMs() };
      this.#options.onReady?.();
    } catch (error) {
      client.destroy();
      throw error;
    } finally {
      cancelTimeout();
    }
  }

  #lose(client: RedisClient, error: unknown, reason: LossReason): void {
    const state = this.#state;
    if (state.kind !== "ready" || state.link.client !== client) return;
    this.#losses[reason] += 1;
    // A server that lets us in and then refuses must not be asked again and again at once.
    const isProven = this.#clock.monotonicMs() - state.sinceMs >= provenMs;
    if (isProven || reason === "closed" || reason === "silent" || reason === "moved") this.#failedAttempts = 0;
    else this.#failedAttempts += 1;
    this.#retry(describe(error));
    client.destroy();
    this.#options.onLost?.(reason, error);
  }

  #retry(trouble: string): void {
    if (this.#state.kind === "closed") return;
    this.#state = { kind: "connecting", trouble };
    const doublings = Math.min(Math.max(0, this.#failedAttempts - 1), 10);
    const ceilingMs = Math.min(backoffMaxMs, backoffMinMs * 2 ** doublings);
    // Jitter: the nodes of a whole installation lose Redis at the same moment.
    this.#cancelRetry = this.#clock.after(ceilingMs * (0.5 + this.#clock.random() / 2), () => void this.#attempt());
  }

  /**
   * Ends a connection on which replies are awaited and none comes, and one to a server that is no more the one to use.
   * Looks are counted, not time: after this very process was frozen the replies are there, and the next look comes
   * before they were read.
   */
  #watch(): void {
    if (this.#state.kind !== "ready") return;
    const trouble = this.#options.locator.moved(this.#state.link.address);
    if (trouble !== undefined) {
      this.drop(new Error(trouble), "moved");
    } else if (this.#pending === 0) {
      this.send(["PING"]).catch(() => {});
    } else if (!this.#isProgressing) {
      this.#silentPeriods += 1;
      const silentMs = this.#silentPeriods * watchPeriodMs;
      if (silentMs < this.#options.commandTimeoutMs) return;
      this.drop(new Error(`no reply for ${silentMs} ms`), "silent");
    }
    this.#isProgressing = false;
    this.#silentPeriods = 0;
  }
}

/**
 * Made once: `createClient` makes a class of all commands whenever its options differ from the last ones, which takes
 * 20 ms of CPU and more, and the addresses of several servers differ all the time.
 */
const newClient = LibraryClient.factory({ RESP: 2 });

/** A client that connects once and repeats nothing. */
export function makeClient(
  place: RedisAddress,
  { commandTimeoutMs, maxCommands }: Pick<ConnectionOptions, "commandTimeoutMs" | "maxCommands">,
) {
  const address = withCurrentLogin(place);
  const options = {
    url: address.url,
    RESP: 2 as const,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled" as const,
    commandsQueueMaxLength: maxCommands,
    // A timer for each command costs more than the command; one watchdog looks after all.
    commandOptions: { timeout: undefined },
    // A caller without an answer must know, so a lost connection ends the client; the next attempt makes a new one.
    socket: {
      reconnectStrategy: false as const,
      connectTimeout: commandTimeoutMs,
      ...(address.tls && { tls: true as const, ...address.tls }),
    },
  };
  return newClient(options);
}
