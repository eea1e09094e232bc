import { batchesOf } from "@realchat/presence-kafka/batches";
import { codeBehind } from "@realchat/presence-redis";
import type { Clock } from "@realchat/presence-runtime";
import { rewound } from "../batch-order.ts";
import type {
  AffectedPairs,
  AudienceDirectory,
  BatchOrigin,
  ChangeBatch,
  DirectoryMetrics,
  DirectoryState,
} from "../directory.ts";
import { isId } from "../entity-id.ts";
import { affectedBy, type Fact, factsOf } from "../facts.ts";
import { DirectoryServer, type RedisDirectoryOptions, unavailable } from "./directory-server.ts";
import { membersKey } from "./keys.ts";
import { type Applied, apply } from "./lua/apply.ts";
import { contactsAmong } from "./lua/contacts-among.ts";
import { maySee } from "./lua/may-see.ts";
import { state } from "./lua/state.ts";
import { visibleTo } from "./lua/visible-to.ts";
import { readMembers } from "./read-members.ts";

/** Facts in one call of a script, and what their texts have together: about 2 ms of Redis, which has other clients too. */
const callLimits = { maxRecords: 500, maxBytes: 256 * 1024 };
/** Users in one call of a script: well below the limit of Lua's stack. */
const callMaxUsers = 1_000;

/** The directory in Redis 7 or Valkey, shared by all gateways. */
export class RedisDirectory implements AudienceDirectory {
  readonly kind = "redis";
  readonly server: DirectoryServer;
  #relations = 0;

  /** @throws TypeError for a URL that is none */
  constructor(options: RedisDirectoryOptions, clock: Clock) {
    this.server = new DirectoryServer(options, clock);
  }

  get generation(): string | undefined {
    return this.server.generation;
  }

  /** @throws RedisError REFUSED when this Redis must not be used, or does not let us in */
  open(): Promise<void> {
    return this.server.open();
  }

  close(): Promise<void> {
    return this.server.close();
  }

  health(): { ready: boolean; detail: string } {
    return this.server.health();
  }

  metrics(): DirectoryMetrics {
    return { relations: this.#relations, relationsLimit: undefined, ...this.server.metrics };
  }

  visibleTo(viewer: string, limit: number): Promise<{ users: string[]; more: boolean }> {
    return this.server.measure("visible-to", async () => {
      const args = { generation: this.server.currentGeneration, prefix: this.server.keys.prefix, viewer, limit };
      const { users, more, unreadable } = await this.server.run(visibleTo, { mark: this.server.keys.mark }, args);
      this.server.unreadable.add(unreadable);
      return {
        users: this.#validIds(users, `${this.server.keys.prefix}contact:${viewer}, or members of its conversations`),
        more,
      };
    });
  }

  maySee(viewer: string, users: readonly string[]): Promise<Set<string>> {
    return this.server.measure("may-see", async () => {
      // An invalid id belongs to no user, and the JSON decoder of Redis may refuse it.
      const ids = users.filter(isId);
      const seen = await Promise.all(
        pagesOf(ids, callMaxUsers).map(async (page) => {
          const args = {
            generation: this.server.currentGeneration,
            prefix: this.server.keys.prefix,
            viewer,
            users: JSON.stringify(page),
          };
          const { marks, unreadable } = await this.server.run(maySee, { mark: this.server.keys.mark }, args);
          this.server.unreadable.add(unreadable);
          return page.filter((_, index) => marks[index] === "1");
        }),
      );
      return new Set(seen.flat());
    });
  }

  contactsAmong(userId: string, users: readonly string[]): Promise<Set<string>> {
    return this.server.measure("contacts-among", async () => {
      const ids = users.filter(isId);
      const { keys, currentGeneration: generation } = this.server;
      const contacts = await Promise.all(
        pagesOf(ids, callMaxUsers).map(async (page) => {
          const args = { generation, prefix: keys.prefix, user: userId, others: JSON.stringify(page) };
          const { marks, unreadable } = await this.server.run(contactsAmong, { mark: keys.mark }, args);
          this.server.unreadable.add(unreadable);
          return page.filter((_, index) => marks[index] === "1");
        }),
      );
      return new Set(contacts.flat());
    });
  }

  apply(batch: ChangeBatch): Promise<AffectedPairs[]> {
    return this.server.measure("apply", async () => {
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
    return this.server.measure("state", async () => {
      const generation = this.server.currentGeneration;
      const { mark, positions, prefix } = this.server.keys;
      const { relations, ...rest } = await this.server.run(state, { mark, positions }, { generation, prefix });
      await this.server.look();
      this.#relations = relations;
      return { generation, ...rest };
    });
  }

  /**
   * In several calls. The last one stores the position: when it fails, the others are repeated, which changes nothing.
   */
  async #merge(facts: readonly Fact[], origin: BatchOrigin | undefined): Promise<void> {
    // One generation for all calls: the data of the first ones must be there when the last one stores the position.
    const generation = this.server.currentGeneration;
    const pages = [...batchesOf(facts, callLimits, ({ right }) => right.length)];
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
    const applied = await this.server.run(
      apply,
      { mark: this.server.keys.mark, positions: this.server.keys.positions },
      {
        generation,
        prefix: this.server.keys.prefix,
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
    this.server.unreadable.add([...new Set(applied.unreadable)]);
    if (origin !== undefined && applied.kind === "rewound") {
      throw rewound(origin.source, origin.after?.offset, applied.storedOffset);
    }
    return applied;
  }

  /** Pairs the users with all past and present members of a conversation, in pages. */
  async #affectedIn(conversation: string, users: readonly string[]): Promise<AffectedPairs[]> {
    const affected: AffectedPairs[] = [];
    const key = membersKey(this.server.keys, conversation);
    try {
      for await (const others of readMembers(this.server.link, key)) {
        affected.push({ users, others: this.#validIds(others, key) });
      }
    } catch (error) {
      if (codeBehind(error) !== "WRONGTYPE") throw unavailable(error);
      this.server.unreadable.add([key]);
    }
    return affected;
  }

  /** Leaves out invalid ids: another service would refuse the whole call because of one. */
  #validIds(users: readonly string[], key: string): string[] {
    const ids = users.filter(isId);
    if (ids.length < users.length) this.server.unreadable.add([key]);
    return ids;
  }
}

function pagesOf<T>(all: readonly T[], size: number): (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}
