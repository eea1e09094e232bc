import {
  codeBehind,
  EvictionWatch,
  type RedisLink,
  type RedisPlace,
  type RedisServers,
  runScript,
  type Script,
  SettingsWatch,
  serversAt,
  type Values,
} from "@realchat/presence-redis";
import { type Clock, OperationMeter } from "@realchat/presence-runtime";
import { AudienceError } from "../audience-error.ts";
import { type DirectoryMetrics, directoryOperations } from "../directory.ts";
import { DirectoryClock } from "../directory-clock.ts";
import { markDirectory } from "./directory-mark.ts";
import { type DirectoryKeys, directoryKeys } from "./keys.ts";
import { clock as clockScript } from "./lua/clock.ts";
import { Refusals } from "./refusals.ts";
import { UnreadableKeys } from "./unreadable-keys.ts";

export interface RedisDirectoryOptions extends RedisPlace {
  /** In front of the names of all keys, without braces: for what shares a Redis. Default: nothing. */
  readonly keyPrefix?: string;
  /** The connection counts as lost after this time without a reply, ms; default 2,000. */
  readonly commandTimeoutMs?: number;
  /** Commands in flight at most; default 10,000. */
  readonly maxPendingCommands?: number;
  /** Called once for each key that holds a value that the directory did not write. */
  readonly onUnreadable?: (key: string) => void;
  /** Called when Redis may evict relations. */
  readonly onEviction?: (detail: string) => void;
  /** Called when a setting of Redis makes a failure worse than it need be. */
  readonly onSetting?: (risk: string) => void;
}

type Operation = (typeof directoryOperations)[number];

/** The server that has the directory: all its keys share a slot. */
export class DirectoryServer {
  readonly keys: DirectoryKeys;
  readonly link: RedisLink;
  readonly unreadable: UnreadableKeys;
  readonly clock: DirectoryClock;
  readonly #servers: RedisServers;
  readonly #maxPendingCommands: number;
  readonly #meter: OperationMeter<Operation>;
  readonly #refusals: Refusals;
  readonly #eviction: EvictionWatch;
  readonly #settings: SettingsWatch;
  #generation: string | undefined;

  /** @throws TypeError for a URL that is none */
  constructor(options: RedisDirectoryOptions, clock: Clock) {
    const { commandTimeoutMs = 2_000, maxPendingCommands = 10_000, onUnreadable = () => {} } = options;
    this.keys = directoryKeys(options.keyPrefix);
    this.unreadable = new UnreadableKeys(onUnreadable);
    this.clock = new DirectoryClock(clock);
    this.#maxPendingCommands = maxPendingCommands;
    this.#meter = new OperationMeter(directoryOperations, clock);
    this.#refusals = new Refusals(clock);
    const { allowEviction: allowed = [], onEviction: onFound = () => {} } = options;
    this.#eviction = new EvictionWatch({ allowed, lossBy: lossByEviction, onFound });
    this.#settings = new SettingsWatch(options, options.onSetting ?? (() => {}), clock);
    this.#servers = serversAt(
      options,
      {
        parts: [this.keys.mark],
        commandTimeoutMs,
        maxCommands: maxPendingCommands,
        prepare: async (client) => {
          const newGeneration = Math.floor(clock.random() * 2 ** 48).toString(36);
          const { server, generation } = await markDirectory(client, this.keys.mark, newGeneration, this.#eviction);
          this.#generation = generation;
          return server;
        },
      },
      clock,
    );
    this.link = this.#servers.links[0] as RedisLink;
  }

  get generation(): string | undefined {
    return this.#generation;
  }

  /** The generation that calls name. @throws AudienceError UNAVAILABLE before the first connection */
  get currentGeneration(): string {
    if (this.#generation === undefined) throw unavailable(this.link.unavailable());
    return this.#generation;
  }

  /** @throws RedisError REFUSED when this Redis must not be used, or does not let us in */
  open(): Promise<void> {
    return this.#servers.start();
  }

  async close(): Promise<void> {
    this.#servers.close();
  }

  health(): { ready: boolean; detail: string } {
    const { isReady, detail } = this.link;
    const refused = isReady ? this.#refusals.summary : undefined;
    return {
      ready: isReady && refused === undefined,
      detail: refused === undefined ? detail : `${detail}: ${refused}`,
    };
  }

  get metrics(): Omit<DirectoryMetrics, "relations" | "relationsLimit"> {
    return {
      unreadable: this.unreadable.count,
      connectionsLost: this.#servers.losses,
      eviction: this.#eviction.eviction,
      settings: this.#settings.found,
      operations: this.#meter.operations,
      bounds: { commands: { used: this.#servers.pending, limit: this.#maxPendingCommands } },
    };
  }

  /** Counts an operation, and notes when the server refuses it though the connection stands. */
  async measure<T>(kind: Operation, operation: () => Promise<T>): Promise<T> {
    try {
      const result = await this.#meter.measure(kind, operation);
      this.#refusals.worked(kind);
      return result;
    } catch (error) {
      this.#refusals.failed(kind, error);
      throw error;
    }
  }

  /** @throws AudienceError UNAVAILABLE */
  async run<Key extends string, Arg extends string, Result>(
    script: Script<Key, Arg, Result>,
    keys: Values<Key>,
    args: Values<Arg>,
  ): Promise<Result> {
    try {
      return await runScript(this.link, script, keys, args);
    } catch (error) {
      // Redis was emptied while the connection was open: reconnect.
      if (codeBehind(error) === "GENERATION") this.link.drop(error);
      throw unavailable(error);
    }
  }

  /** Looks how the server is. To be called every second or so. */
  async look(): Promise<void> {
    await Promise.all([this.#setClock(), this.#eviction.look(this.#servers), this.#settings.look(this.#servers)]);
  }

  /** Writes the clock, too: a server that only reads says so when something is to be written, which may be long after. */
  async #setClock(): Promise<void> {
    try {
      const { mark } = this.keys;
      this.clock.set(await runScript(this.link, clockScript, { mark }, { shown: this.clock.shownUs }));
      this.#refusals.worked("write");
    } catch (error) {
      this.#refusals.failed("write", error);
    }
  }
}

/** Nothing of the directory expires by itself, so volatile-* leaves it alone. */
function lossByEviction(policy: string): string | undefined {
  return policy.startsWith("volatile-")
    ? undefined
    : "relations are forgotten, so that blocked users may see each other";
}

export function unavailable(error: unknown): AudienceError {
  return new AudienceError("UNAVAILABLE", `who may see whom is unknown: ${(error as Error).message}`, { cause: error });
}
