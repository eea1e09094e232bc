/**
 * The port to who may see whom. W may see X when they share a conversation, or when each has the other as a contact; and
 * never while either blocks the other. The relation is symmetric, and nobody sees himself.
 */
export interface AudienceDirectory {
  readonly kind: "memory" | "redis";
  /** Connects; resolves also when the store is away, and goes on trying. */
  open(): Promise<void>;
  close(): Promise<void>;
  health(): { readonly ready: boolean; readonly detail: string };

  /**
   * The users whom the viewer may see, in no particular order.
   * @returns at most `limit`; `more`: there are others
   */
  visibleTo(viewer: string, limit: number): Promise<{ users: string[]; more: boolean }>;
  /** Those of the users whom the viewer may see. */
  maySee(viewer: string, users: readonly string[]): Promise<Set<string>>;

  /**
   * Applies changes in order, exactly once in effect: changes and position are stored together, and a batch at or below
   * the stored position of its source changes nothing.
   * @returns the pairs of users whose relation the changes touch, whoever applied them first: look again at each
   */
  apply(batch: ChangeBatch): Promise<AffectedPairs[]>;
  /** Position after which a source must be read on; undefined: from its start. */
  position(source: string): Promise<number | undefined>;
}

export interface ChangeBatch {
  /** Where the changes come from: `topic:partition`; undefined for an import, which has no position. */
  readonly source: string | undefined;
  /** Of the batch's last change, offset in the source. */
  readonly position: number;
  readonly changes: readonly AudienceChange[];
}

export type AudienceChange =
  /** The participants join; a conversation that exists keeps those it has. */
  | { readonly kind: "conversation"; readonly conversationId: string; readonly participants: readonly string[] }
  | { readonly kind: "joined" | "left"; readonly conversationId: string; readonly userId: string }
  | { readonly kind: "contact-added" | "contact-removed"; readonly userId: string; readonly contactId: string }
  /** A block also removes userId's contact to the other. */
  | { readonly kind: "blocked" | "unblocked"; readonly userId: string; readonly blockedId: string };

/** The relation of `userId` to each of the others may have changed. */
export interface AffectedPairs {
  readonly userId: string;
  readonly others: readonly string[];
}
