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
import { rewound } from "../batch-order.ts";
import {
  type AffectedPairs,
  type AudienceDirectory,
  type BatchOrigin,
  type ChangeBatch,
  type DirectoryMetrics,
  type DirectoryState,
  directoryOperations,
} from "../directory.ts";
import { isId } from "../entity-id.ts";
import { affectedBy, type Fact, factsOf } from "../facts.ts";
import { markDirectory } from "./directory-mark.ts";
import { type DirectoryKeys, directoryKeys, membersKey } from "./keys.ts";
import { type Applied, apply } from "./lua/apply.ts";
import { maySee } from "./lua/may-see.ts";
import { state } from "./lua/state.ts";
import { visibleTo } from "./lua/visible-to.ts";
import { readMembers } from "./read-members.ts";
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

/** Facts in one call of a script: about 2 ms of Redis, which has other clients too. */
const callMaxFacts = 500;
/** Users in one call of a script: well below the limit of Lua's stack. */
const callMaxUsers = 1_000;

/** The directory in Redis 7 or Valkey, shared by all gateways. */
export class RedisDirectory implements AudienceDirectory {
  readonly kind = "redis";
  readonly #keys: DirectoryKeys;
  readonly #servers: RedisServers;
  /** To the server that has it: all its keys share a slot. */
  readonly #link: RedisLink;
  readonly #maxPendingCommands: number;
  readonly #meter: OperationMeter<(typeof directoryOperations)[number]>;
  readonly #unreadable: UnreadableKeys;
  #generation: string | undefined;
  #relations = 0;
  readonly #refusals: Refusals;
  readonly #eviction: EvictionWatch;
  readonly #settings: SettingsWatch;

  /** @throws TypeError for a URL that is none */
  constructor(options: RedisDirectoryOptions, clock: Clock) {
    const { commandTimeoutMs = 2_000, maxPendingCommands = 10_000, onUnreadable = () => {} } = options;
    this.#keys = directoryKeys(options.keyPrefix);
    this.#unreadable = new UnreadableKeys(onUnreadable);
    this.#maxPendingCommands = maxPendingCommands;
    this.#meter = new OperationMeter(directoryOperations, clock);
    this.#refusals = new Refusals(clock);
    const { allowEviction: allowed = [], onEviction: onFound = () => {} } = options;
    this.#eviction = new EvictionWatch({ allowed, lossBy: lossByEviction, onFound });
    this.#settings = new SettingsWatch(options, options.onSetting ?? (() => {}), clock);
    this.#servers = serversAt(
      options,
      {
        parts: [this.#keys.mark],
        commandTimeoutMs,
        maxCommands: maxPendingCommands,
        prepare: async (client) => {
          const newGeneration = Math.floor(clock.random() * 2 ** 48).toString(36);
          const { server, generation } = await markDirectory(client, this.#keys.mark, newGeneration, this.#eviction);
          this.#generation = generation;
          return server;
        },
      },
      clock,
    );
    this.#link = this.#servers.links[0] as RedisLink;
  }

  get generation(): string | undefined {
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
    const { isReady, detail } = this.#link;
    const refused = isReady ? this.#refusals.summary : undefined;
    return {
      ready: isReady && refused === undefined,
      detail: refused === undefined ? detail : `${detail}: ${refused}`,
    };
  }

  metrics(): DirectoryMetrics {
    return {
      relations: this.#relations,
      relationsLimit: undefined,
      unreadable: this.#unreadable.count,
      connectionsLost: this.#servers.losses,
      eviction: this.#eviction.eviction,
      settings: this.#settings.found,
      operations: this.#meter.operations,
      bounds: { commands: { used: this.#servers.pending, limit: this.#maxPendingCommands } },
    };
  }

  visibleTo(viewer: string, limit: number): Promise<{ users: string[]; more: boolean }> {
    return this.#measure("visible-to", async () => {
      const args = { generation: this.#currentGeneration(), prefix: this.#keys.prefix, viewer, limit };
      const { users, more, unreadable } = await this.#run(visibleTo, { mark: this.#keys.mark }, args);
      this.#unreadable.add(unreadable);
      return {
        users: this.#validIds(users, `${this.#keys.prefix}contact:${viewer}, or members of its conversations`),
        more,
      };
    });
  }

  maySee(viewer: string, users: readonly string[]): Promise<Set<string>> {
    return this.#measure("may-see", async () => {
      // An invalid id belongs to no user, and the JSON decoder of Redis may refuse it.
      const ids = users.filter(isId);
      const seen = await Promise.all(
        pagesOf(ids, callMaxUsers).map(async (page) => {
          const args = {
            generation: this.#currentGeneration(),
            prefix: this.#keys.prefix,
            viewer,
            users: JSON.stringify(page),
          };
          const { marks, unreadable } = await this.#run(maySee, { mark: this.#keys.mark }, args);
          this.#unreadable.add(unreadable);
          return page.filter((_, index) => marks[index] === "1");
        }),
      );
      return new Set(seen.flat());
    });
  }

  apply(batch: ChangeBatch): Promise<AffectedPairs[]> {
    return this.#measure("apply", async () => {
      const facts = factsOf(batch);
      await this.#merge(facts, batch.origin);
      const { members, pairs } = affectedBy(facts);
      const inConversations = await Promise.all(
        [...members].map(([conversation, users]) => this.#affectedIn(conversation, [...users])),
      );
      return [...pairs, ...inConversations.flat()];
    });
  }

  state(): Promise<DirectoryState> {
    return this.#measure("state", async () => {
      const generation = this.#currentGeneration();
      const keys = { mark: this.#keys.mark, positions: this.#keys.positions };
      const { relations, ...rest } = await this.#run(state, keys, { generation });
      await Promise.all([this.#tryWrite(), this.#eviction.look(this.#servers), this.#settings.look(this.#servers)]);
      this.#relations = relations;
      return { generation, ...rest };
    });
  }

  /** Counts an operation, and notes when the server refuses it though the connection stands. */
  async #measure<T>(kind: (typeof directoryOperations)[number], operation: () => Promise<T>): Promise<T> {
    try {
      const result = await this.#meter.measure(kind, operation);
      this.#refusals.worked(kind);
      return result;
    } catch (error) {
      this.#refusals.failed(kind, error);
      throw error;
    }
  }

  /** A server that only reads says so when something is to be written, which may be long after: writes what changes nothing. */
  async #tryWrite(): Promise<void> {
    try {
      await this.#link.send(["HDEL", this.#keys.mark, ""]);
      this.#refusals.worked("write");
    } catch (error) {
      this.#refusals.failed("write", error);
    }
  }

  /**
   * In several calls. The last one stores the position: when it fails, the others are repeated, which changes nothing.
   */
  async #merge(facts: readonly Fact[], origin: BatchOrigin | undefined): Promise<void> {
    // One generation for all calls: the data of the first ones must be there when the last one stores the position.
    const generation = this.#currentGeneration();
    const pages = pagesOf(facts, callMaxFacts);
    // A batch without changes moves the position too.
    const last = pages.pop() ?? [];
    for (const page of pages) {
      const { kind } = await this.#applyPage(generation, page, origin, false);
      if (kind === "known") return;
    }
    await this.#applyPage(generation, last, origin, true);
  }

  async #applyPage(
    generation: string,
    facts: readonly Fact[],
    origin: BatchOrigin | undefined,
    isLast: boolean,
  ): Promise<Applied> {
    const applied = await this.#run(
      apply,
      { mark: this.#keys.mark, positions: this.#keys.positions },
      {
        generation,
        prefix: this.#keys.prefix,
        source: origin?.source ?? "",
        after: origin?.after?.offset ?? -1,
        offset: origin?.upTo.offset ?? -1,
        at: isLast ? (origin?.upTo.at ?? "") : "",
        facts: JSON.stringify(
          facts.flatMap(({ relation, left, right, stamp, offset, earlier }) => {
            return [relation, left, right, stamp, offset, earlier];
          }),
        ),
      },
    );
    this.#relations = applied.relations;
    this.#unreadable.add([...new Set(applied.unreadable)]);
    if (origin !== undefined && applied.kind === "rewound") {
      throw rewound(origin.source, origin.after?.offset, applied.storedOffset);
    }
    return applied;
  }

  /** Pairs the users with all past and present members of a conversation, in pages. */
  async #affectedIn(conversation: string, users: readonly string[]): Promise<AffectedPairs[]> {
    const affected: AffectedPairs[] = [];
    const key = membersKey(this.#keys, conversation);
    try {
      for await (const others of readMembers(this.#link, key)) {
        affected.push({ users, others: this.#validIds(others, key) });
      }
    } catch (error) {
      if (codeBehind(error) !== "WRONGTYPE") throw unavailable(error);
      this.#unreadable.add([key]);
    }
    return affected;
  }

  /** Leaves out invalid ids: another service would refuse the whole call because of one. */
  #validIds(users: readonly string[], key: string): string[] {
    const ids = users.filter(isId);
    if (ids.length < users.length) this.#unreadable.add([key]);
    return ids;
  }

  /** @throws AudienceError UNAVAILABLE */
  async #run<Key extends string, Arg extends string, Result>(
    script: Script<Key, Arg, Result>,
    keys: Values<Key>,
    args: Values<Arg>,
  ): Promise<Result> {
    try {
      return await runScript(this.#link, script, keys, args);
    } catch (error) {
      // Redis was emptied while the connection was open: reconnect.
      if (codeBehind(error) === "GENERATION") this.#link.drop(error);
      throw unavailable(error);
    }
  }

  /** The generation that calls name. @throws AudienceError UNAVAILABLE before the first connection */
  #currentGeneration(): string {
    if (this.#generation === undefined) throw unavailable(this.#link.unavailable());
    return this.#generation;
  }
}

/** Nothing of the directory expires by itself, so volatile-* leaves it alone. */
function lossByEviction(policy: string): string | undefined {
  return policy.startsWith("volatile-")
    ? undefined
    : "relations are forgotten, so that blocked users may see each other";
}

function unavailable(error: unknown): AudienceError {
  return new AudienceError("UNAVAILABLE", `who may see whom is unknown: ${(error as Error).message}`, { cause: error });
}

function pagesOf<T>(all: readonly T[], size: number): (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}
