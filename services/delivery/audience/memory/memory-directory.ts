import { type Clock, OperationMeter } from "@realchat/presence-runtime";
import { AudienceError } from "../audience-error.ts";
import { isNewBatch } from "../batch-order.ts";
import {
  type AffectedPairs,
  type AudienceDirectory,
  type ChangeBatch,
  type DirectoryMetrics,
  type DirectoryState,
  directoryOperations,
  type SourcePosition,
} from "../directory.ts";
import { affectedBy, type Fact, factsOf, policyStampAfter, type Relation, type Stamp } from "../facts.ts";
import { RelationTable } from "./relation-table.ts";

interface MemoryDirectoryOptions {
  /** Relations stored at most, past ones included; default 5,000,000. */
  readonly maxRelations?: number;
}

/** See PolicyChange. */
interface StoredPolicy {
  readonly stamp: Stamp;
  readonly policy: string;
}

const generation = "memory";
const noConversations: ReadonlySet<string> = new Set();

/** The directory of one process; it is empty at every start. */
export class MemoryDirectory implements AudienceDirectory {
  readonly kind = "memory";
  readonly generation = generation;
  readonly #maxRelations: number;
  readonly #meter: OperationMeter<(typeof directoryOperations)[number]>;
  readonly #tables: Readonly<Record<Relation, RelationTable>> = {
    member: new RelationTable(),
    contact: new RelationTable(),
    block: new RelationTable(),
  };
  /** By user, the conversations that the user is or was in. */
  readonly #conversations = new Map<string, Set<string>>();
  /** Interned ids: one string for each. */
  readonly #ids = new Map<string, string>();
  readonly #positions = new Map<string, SourcePosition>();
  readonly #policies = new Map<string, StoredPolicy>();
  #imports = 0;
  readonly #policyChanges = { count: 0, latest: [] };

  constructor(options: MemoryDirectoryOptions, clock: Clock) {
    this.#maxRelations = options.maxRelations ?? 5_000_000;
    this.#meter = new OperationMeter(directoryOperations, clock);
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {}

  health(): { ready: boolean; detail: string } {
    const relations = this.#relations;
    const isFull = relations >= this.#maxRelations;
    return { ready: true, detail: `memory, ${relations} relations${isFull ? ", which is all it may hold" : ""}` };
  }

  metrics(): DirectoryMetrics {
    return {
      relations: this.#relations,
      relationsLimit: this.#maxRelations,
      unreadable: 0,
      connectionsLost: { closed: 0 },
      eviction: undefined,
      settings: { risks: [], unknown: undefined },
      operations: this.#meter.operations,
      bounds: {},
    };
  }

  visibleTo(viewer: string, limit: number): Promise<{ users: string[]; more: boolean }> {
    return this.#meter.measure("visible-to", () => {
      const users = new Set<string>();
      for (const user of this.#candidates(viewer)) {
        if (user === viewer || users.has(user) || this.#isBlocked(viewer, user)) continue;
        if (users.size === limit) return { users: [...users], more: true };
        users.add(user);
      }
      return { users: [...users], more: false };
    });
  }

  maySee(viewer: string, users: readonly string[]): Promise<Set<string>> {
    return this.#meter.measure("may-see", () => {
      const rooms = this.#roomsOf(viewer);
      return new Set(users.filter((user) => this.#sees(viewer, rooms, user)));
    });
  }

  contactsAmong(userId: string, users: readonly string[]): Promise<Set<string>> {
    return this.#meter.measure("contacts-among", () => {
      return new Set(users.filter((user) => this.#has("contact", userId, user)));
    });
  }

  /** undefined: nothing was said. */
  policyOf(userId: string): StoredPolicy | undefined {
    return this.#policies.get(userId);
  }

  apply(batch: ChangeBatch): Promise<AffectedPairs[]> {
    return this.#meter.measure("apply", () => {
      const facts = factsOf(batch);
      const { origin } = batch;
      if (origin === undefined) {
        if (this.#merge(facts)) this.#imports += 1;
      } else {
        const stored = this.#positions.get(origin.source)?.offset;
        if (isNewBatch(origin, stored)) {
          this.#merge(facts.filter(({ offset }) => offset < 0 || offset > (stored ?? -1)));
          this.#positions.set(origin.source, origin.upTo);
        }
      }
      const { members, pairs } = affectedBy(facts);
      const pastAndPresentMembers = (conversation: string) => [...this.#tables.member.of(conversation).keys()];
      return [
        ...pairs,
        ...[...members].map(([conversation, users]) => ({
          users: [...users],
          others: pastAndPresentMembers(conversation),
        })),
      ];
    });
  }

  state(): Promise<DirectoryState> {
    return this.#meter.measure("state", () => ({
      generation,
      positions: new Map(this.#positions),
      imports: this.#imports,
      // Nobody else shares it, so nobody has to hear of them.
      policyChanges: this.#policyChanges,
    }));
  }

  get #relations(): number {
    const { member, contact, block } = this.#tables;
    return member.size + contact.size + block.size + this.#policies.size;
  }

  /** Users that share a relation with the viewer; some several times, and the viewer too. */
  *#candidates(viewer: string): Iterable<string> {
    for (const [other, stamp] of this.#tables.contact.of(viewer)) {
      if (stamp > 0 && this.#has("contact", other, viewer)) yield other;
    }
    for (const members of this.#roomsOf(viewer).sort((a, b) => a.size - b.size)) {
      for (const [other, stamp] of members) if (stamp > 0) yield other;
    }
  }

  #sees(viewer: string, rooms: readonly ReadonlyMap<string, Stamp>[], user: string): boolean {
    if (viewer === user || this.#isBlocked(viewer, user)) return false;
    if (this.#has("contact", viewer, user) && this.#has("contact", user, viewer)) return true;
    return rooms.some((members) => (members.get(user) ?? -1) > 0);
  }

  /** Past and present members of the conversations that the user is in. */
  #roomsOf(user: string): ReadonlyMap<string, Stamp>[] {
    return [...(this.#conversations.get(user) ?? noConversations)]
      .map((conversation) => this.#tables.member.of(conversation))
      .filter((members) => (members.get(user) ?? -1) > 0);
  }

  #has(relation: Relation, left: string, right: string): boolean {
    return (this.#tables[relation].get(left, right) ?? -1) > 0;
  }

  #isBlocked(one: string, other: string): boolean {
    const { block } = this.#tables;
    return (block.get(one, other) ?? 1) < 0 || (block.get(other, one) ?? 1) < 0;
  }

  /** @returns whether a relation changed @throws AudienceError FULL, before anything did */
  #merge(facts: readonly Fact[]): boolean {
    const added = facts.filter((fact) => this.#isNew(fact));
    if (this.#relations + added.length > this.#maxRelations) {
      throw new AudienceError(
        "FULL",
        `the directory in memory holds ${this.#relations} relations, limit ${this.#maxRelations}: ` +
          "raise the limit, or set REDIS_URL",
      );
    }
    let isChanged = false;
    for (const fact of facts) {
      if (fact.relation === "policy") {
        this.#mergePolicy(fact);
        continue;
      }
      const [from, to] = [this.#id(fact.left), this.#id(fact.right)];
      if (!this.#tables[fact.relation].merge(from, to, fact)) continue;
      isChanged = true;
      if (fact.relation === "member") this.#remember(to, from);
    }
    return isChanged;
  }

  #isNew({ relation, left, right }: Fact): boolean {
    if (relation === "policy") return !this.#policies.has(left);
    return this.#tables[relation].get(left, right) === undefined;
  }

  #mergePolicy(fact: Fact): void {
    const stamp = policyStampAfter(fact, this.#policies.get(fact.left)?.stamp);
    if (stamp !== undefined) this.#policies.set(this.#id(fact.left), { stamp, policy: fact.right });
  }

  #remember(user: string, conversation: string): void {
    const conversations = this.#conversations.get(user);
    if (conversations === undefined) this.#conversations.set(user, new Set([conversation]));
    else conversations.add(conversation);
  }

  #id(text: string): string {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    this.#ids.set(text, text);
    return text;
  }
}
