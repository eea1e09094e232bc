import type { OperationMetrics } from "@realchat/presence-runtime";

/**
 * The port to who may see whom. W may see X when they share a conversation, or when each has the other as a contact; and
 * never while either blocks the other. The relation is symmetric, and nobody sees himself.
 *
 * Reads never guess: when the directory cannot know, they reject with AudienceError UNAVAILABLE. Then nobody becomes
 * visible; the caller keeps what it had and asks again.
 */
export interface AudienceDirectory {
  readonly kind: "memory" | "redis";
  /** Connects; resolves also when the store is away, and goes on trying. */
  open(): Promise<void>;
  close(): Promise<void>;
  health(): { readonly ready: boolean; readonly detail: string };
  metrics(): DirectoryMetrics;

  /**
   * The users whom the viewer may see: contacts first, then the members of conversations, small ones first.
   * @returns at most `limit`; `more`: there are others
   */
  visibleTo(viewer: string, limit: number): Promise<{ users: string[]; more: boolean }>;
  /** Those of the users whom the viewer may see. */
  maySee(viewer: string, users: readonly string[]): Promise<Set<string>>;

  /**
   * Applies changes, exactly once in effect: what was applied before, here or by another gateway, changes nothing. The
   * order of arrival does not matter, `at` does: of two changes of one relation the later one counts, of two at the same
   * moment the one that hides. (Within a source `offset` decides, where it is given.) Either all of a batch and its position are stored in the end, or it rejects and is to be
   * applied again.
   * @returns the relations that the changes touch, whoever applied them first: look again at each
   * @throws AudienceError UNAVAILABLE; REWOUND when the directory has lost what came before this batch; FULL
   */
  apply(batch: ChangeBatch): Promise<AffectedPairs[]>;
  /** Where sources are to be read on. */
  state(): Promise<DirectoryState>;
  /**
   * Names the data that reads are answered from; another name: a store that lost its data, and holds nobody's history
   * until it is replayed. Undefined before the first connection.
   */
  readonly generation: string | undefined;
}

export interface ChangeBatch {
  /** Undefined: an import or a listing, which has no position. */
  readonly origin?: BatchOrigin;
  readonly changes: readonly AudienceChange[];
}

/** A stretch of a source, such as one partition of a Kafka topic. */
export interface BatchOrigin {
  /** `topic:partition` */
  readonly source: string;
  /** What came before, as `state` or the batch before said it; undefined: nothing. */
  readonly after: SourcePosition | undefined;
  /** Of the batch's last record, whether that was a change or not. */
  readonly upTo: SourcePosition;
}

export interface SourcePosition {
  readonly offset: number;
  /** No record up to there counts as later: see latestOf in facts.ts. */
  readonly at: number;
}

export interface DirectoryState {
  readonly generation: string;
  /** By source. */
  readonly positions: ReadonlyMap<string, SourcePosition>;
  /** Grows when a batch without origin changes something, whoever applies it. */
  readonly imports: number;
}

/** The `at` of imported facts: whatever a source says about the same relation happened later. */
export const beforeAllRecords = 1;

/** What happened, and when. */
export type AudienceChange = Dated & Undated;

interface Dated {
  /** µs since 1970, at least 1. */
  readonly at: number;
  /**
   * Of its record in the batch's source, which the changes then follow in order. Of two changes of one membership that
   * one source told, the one told later counts, though its `at` may be earlier: a clock steps back, Kafka's order does not.
   */
  readonly offset?: number;
}

/**
 * To `conversation` the participants join; who is in it stays. `blocked` also removes the contact that userId has to the
 * other.
 */
export type Undated =
  | { readonly kind: "conversation"; readonly conversationId: string; readonly participants: readonly string[] }
  | { readonly kind: "joined" | "left"; readonly conversationId: string; readonly userId: string }
  | { readonly kind: "contact-added" | "contact-removed"; readonly userId: string; readonly contactId: string }
  | { readonly kind: "blocked" | "unblocked"; readonly userId: string; readonly blockedId: string };

/** Whether it speaks against seeing. */
export function hides({ kind }: Undated): boolean {
  return kind === "left" || kind === "contact-removed" || kind === "blocked";
}

/** The relation of each of `users` to each of `others` may have changed, in both directions. */
export interface AffectedPairs {
  readonly users: readonly string[];
  readonly others: readonly string[];
}

/** The kinds of operations that a directory counts. */
export const directoryOperations = ["visible-to", "may-see", "apply", "state"] as const;

export interface DirectoryMetrics {
  /** Relations remembered, past ones included: memberships, contacts, blocks. */
  readonly relations: number;
  /** Most that may be remembered; undefined: the store's own limit holds. */
  readonly relationsLimit: number | undefined;
  /** Times that something unreadable was found, since the start: the store holds what the directory did not write. */
  readonly unreadable: number;
  /** Operations by kind, since the start. */
  readonly operations: Readonly<Record<string, OperationMetrics>>;
  /** What waits, by name. */
  readonly bounds: Readonly<Record<string, { readonly used: number; readonly limit: number }>>;
}
