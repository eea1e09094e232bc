import type { OperationMetrics } from "@realchat/presence-runtime";

/**
 * The port to the directory, which knows who may see whom. Two users may see each other when they share a conversation,
 * or when each has the other as a contact; and never while either blocks the other. The relation is symmetric; users do
 * not see themselves.
 *
 * Reads never guess: when the directory cannot know, they reject with AudienceError UNAVAILABLE. Then no user becomes
 * visible; the caller keeps what it had and retries.
 */
export interface AudienceDirectory {
  readonly kind: "memory" | "redis";
  /** Connects. Resolves also when the store is unavailable, and retries. */
  open(): Promise<void>;
  close(): Promise<void>;
  health(): { readonly ready: boolean; readonly detail: string };
  metrics(): DirectoryMetrics;

  /**
   * The users whom the viewer may see: contacts first, then the members of conversations, small ones first.
   * @returns at most `limit` users; `more`: there are others
   */
  visibleTo(viewer: string, limit: number): Promise<{ users: string[]; more: boolean }>;
  /** Those of the given users that the viewer may see. */
  maySee(viewer: string, users: readonly string[]): Promise<Set<string>>;
  /** Those of the given users whom this user has as contacts, whoever blocks whom. */
  contactsAmong(userId: string, users: readonly string[]): Promise<Set<string>>;

  /**
   * Applies changes, with exactly-once effect: changes that were applied before, by this gateway or another one, change
   * nothing. The order of arrival does not matter, `at` does: of two changes of one relation the later one wins, at the
   * same time the one that hides. (Within a source `offset` decides, where it is given; of a user's policies at the same
   * time the one applied later.) Either the whole batch and its
   * position are stored, or the call rejects and the batch is to be applied again.
   * @returns the pairs that the changes affect, also when another gateway applied them first: each is to be checked
   *   again
   * @throws AudienceError UNAVAILABLE; REWOUND when the directory has lost what came before this batch; FULL
   */
  apply(batch: ChangeBatch): Promise<AffectedPairs[]>;
  /** The positions from which sources are to be read. */
  state(): Promise<DirectoryState>;
  /**
   * Identifies the data that reads are answered from. It changes when the store lost its data: then the history has to
   * be replayed. Undefined before the first connection.
   */
  readonly generation: string | undefined;
}

export interface ChangeBatch {
  /** Undefined for an import or a listing, which have no position. */
  readonly origin?: BatchOrigin;
  readonly changes: readonly AudienceChange[];
}

/** The part of a source that a batch is from, such as offsets of a Kafka partition. */
export interface BatchOrigin {
  /** `topic:partition` */
  readonly source: string;
  /** The position before the batch, from `state` or the previous batch; undefined: the start. */
  readonly after: SourcePosition | undefined;
  /** The position of the batch's last record, whether that was a change or not. */
  readonly upTo: SourcePosition;
}

export interface SourcePosition {
  readonly offset: number;
  /** The latest time of all records up to there: see nextLatest in facts.ts. */
  readonly at: number;
}

export interface DirectoryState {
  readonly generation: string;
  /** By source. */
  readonly positions: ReadonlyMap<string, SourcePosition>;
  /** Grows when a batch without origin changes a relation, on any gateway. */
  readonly imports: number;
  /** Policies that batches without origin changed, on any gateway. */
  readonly policyChanges: {
    readonly count: number;
    /** Whose they are, the last ones first, at most 100. */
    readonly latest: readonly string[];
  };
}

/** The `at` of imported facts: every record of a source about the same relation is later. */
export const beforeAllRecords = 1;

/** A change of relations, and when it happened. */
export type AudienceChange = Dated & Undated;

interface Dated {
  /** µs since 1970, at least 1. */
  readonly at: number;
  /**
   * The offset of its record; changes are then in the order of the source. Of two changes of one membership or policy from the
   * same source, the one with the higher offset wins, even if its `at` is earlier: clocks step back, Kafka's order does
   * not.
   */
  readonly offset?: number;
}

/**
 * `conversation` adds the participants and removes nobody. `blocked` also removes userId's contact.
 */
export type Undated =
  | { readonly kind: "conversation"; readonly conversationId: string; readonly participants: readonly string[] }
  | { readonly kind: "joined" | "left"; readonly conversationId: string; readonly userId: string }
  | { readonly kind: "contact-added" | "contact-removed"; readonly userId: string; readonly contactId: string }
  | { readonly kind: "blocked" | "unblocked"; readonly userId: string; readonly blockedId: string }
  | PolicyChange;

/** What a user lets others see, from now on. */
export interface PolicyChange {
  readonly kind: "policy";
  readonly userId: string;
  /** A text that the directory stores as it is; empty: the user has no policy of its own. */
  readonly policy: string;
}

/** Whose policies the changes are about. */
export function policyOwnersIn(changes: readonly AudienceChange[]): string[] {
  return changes.flatMap((change) => (change.kind === "policy" ? [change.userId] : []));
}

/** Whether the change can only hide users, or may. */
export function hides(change: Undated): boolean {
  const { kind } = change;
  if (kind === "policy") return change.policy !== "";
  return kind === "left" || kind === "contact-removed" || kind === "blocked";
}

/** Each of `users` paired with each of `others`: their relation may have changed, in both directions. */
export interface AffectedPairs {
  readonly users: readonly string[];
  readonly others: readonly string[];
}

/** The kinds of operations that a directory counts. */
export const directoryOperations = [
  ...(["visible-to", "may-see", "contacts-among", "apply", "state"] as const),
  ...(["policies-of", "hide", "show", "begin"] as const),
] as const;

export interface DirectoryMetrics {
  /** That the store may drop relations that nobody ended; undefined: it does not. */
  readonly eviction: { readonly detail: string; readonly isAllowed: boolean } | undefined;
  /** What the store is set to do that makes a failure worse than it need be, one line each; and what it does not tell. */
  readonly settings: { readonly risks: readonly string[]; readonly unknown: string | undefined };
  /** Stored relations, past ones included: memberships, contacts, blocks; and policies. */
  readonly relations: number;
  /** Most that may be stored; undefined: only the store's own limit. */
  readonly relationsLimit: number | undefined;
  /** Keys found unreadable since the start: they hold a value that the directory did not write. */
  readonly unreadable: number;
  /** Connections to the store that were lost, by the reason. */
  readonly connectionsLost: Readonly<Record<string, number>>;
  /** Operations by kind, since the start. */
  readonly operations: Readonly<Record<string, OperationMetrics>>;
  /** Queues, by name. */
  readonly bounds: Readonly<Record<string, { readonly used: number; readonly limit: number }>>;
}
