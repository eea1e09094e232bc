import { PresenceError } from "../../../domain/presence-error.ts";
import type { Heartbeat, RefreshReply, RefreshResult } from "../../store.ts";

/** How a queue of heartbeats reaches its shard. */
export interface RefreshRoute {
  /**
   * Extends the deadlines that are there to a TTL from now.
   * @param members distinct or not, at most `batchMaxHeartbeats`
   * @returns how many have a later deadline than before
   */
  extend(members: readonly string[]): Promise<number>;
  /** @returns for each member whether it has a deadline */
  present(members: readonly string[]): Promise<readonly boolean[]>;
  /** Decides, by the user's record, about a heartbeat that `extend` could not serve. */
  decide(session: Heartbeat): Promise<RefreshResult>;
  /** Monotonic. */
  nowMs(): number;
  /**
   * Keeps a heartbeat that was not confirmed, see KeptHeartbeats.
   * @param member undefined when its deadline was not found, or is not known
   * @param atMs monotonic; it had come by then
   */
  keep(session: Heartbeat, member: string | undefined, atMs: number): void;
  /** Nothing waits nor is under way. */
  idle?(): void;
}

/** Heartbeats of one command at most. */
export const batchMaxHeartbeats = 1_000;

/** Heartbeats that wait or are under way, of all queues that share it. */
export interface PendingBound {
  used: number;
  readonly limit: number;
}

const refreshed: RefreshResult = { kind: "refreshed" };
/** One for all: at that moment there is no time for stack traces. */
const overloaded: RefreshResult = {
  kind: "failed",
  error: new PresenceError(
    "RESOURCE_EXHAUSTED",
    "too many heartbeats wait for Redis: send fewer, or add presence nodes",
    {
      retryAfterMs: 1_000,
    },
  ),
};

/**
 * The heartbeats of one shard: one batch is under way, and whatever arrives meanwhile is the next. Under load batches
 * grow by themselves; at rest a heartbeat is sent at once.
 */
export class RefreshQueue {
  readonly #route: RefreshRoute;
  readonly #pending: PendingBound;
  readonly #waiting: Batch[] = [];
  #isRunning = false;

  constructor(route: RefreshRoute, pending: PendingBound) {
    this.#route = route;
    this.#pending = pending;
  }

  /** @param member of the deadlines; undefined when the session is not known, which takes the slower way */
  add(session: Heartbeat, member: string | undefined, reply: RefreshReply, tag: number): void {
    if (this.#pending.used >= this.#pending.limit) {
      reply(overloaded, tag);
      return;
    }
    this.#pending.used += 1;
    let batch = this.#waiting.at(-1);
    if (batch === undefined || batch.isFull) {
      batch = new Batch();
      this.#waiting.push(batch);
    }
    batch.add(session, member, reply, tag);
    if (this.#isRunning) return;
    this.#isRunning = true;
    queueMicrotask(() => this.#run());
  }

  async #run(): Promise<void> {
    for (let batch = this.#waiting.shift(); batch !== undefined; batch = this.#waiting.shift()) {
      await this.#serve(batch);
      this.#pending.used -= batch.size;
    }
    this.#isRunning = false;
    this.#route.idle?.();
  }

  async #serve({ withMember, members, withoutMember }: Batch): Promise<void> {
    const route = this.#route;
    const atMs = route.nowMs();
    try {
      const isAll = members.length === 0 || (await route.extend(members)) === members.length;
      if (isAll) withMember.replyAll(refreshed);
      // A deadline that was as late already is not counted, nor is a member that came twice.
      else withMember.replyWhere(await route.present(members), refreshed);
    } catch (error) {
      if (isUnconfirmed(error)) withMember.keepAll(route, members, atMs);
      withMember.replyAll({ kind: "failed", error: error as Error });
    }
    if (withMember.size + withoutMember.size === 0) return;
    await Promise.all([withMember.decideRest(route, atMs), withoutMember.decideRest(route, atMs)]);
  }
}

/** Parallel arrays rather than an object a heartbeat: there may be 100,000 a second. */
class Batch {
  readonly withMember = new Heartbeats();
  /** The member of each of `withMember`. */
  readonly members: string[] = [];
  /** Those without member. */
  readonly withoutMember = new Heartbeats();
  size = 0;

  get isFull(): boolean {
    return this.size === batchMaxHeartbeats;
  }

  add(session: Heartbeat, member: string | undefined, reply: RefreshReply, tag: number): void {
    this.size += 1;
    if (member === undefined) {
      this.withoutMember.add(session, reply, tag);
    } else {
      this.members.push(member);
      this.withMember.add(session, reply, tag);
    }
  }
}

class Heartbeats {
  #sessions: Heartbeat[] = [];
  #replies: RefreshReply[] = [];
  #tags: number[] = [];

  /** Those that were not answered yet. */
  get size(): number {
    return this.#sessions.length;
  }

  add(session: Heartbeat, reply: RefreshReply, tag: number): void {
    this.#sessions.push(session);
    this.#replies.push(reply);
    this.#tags.push(tag);
  }

  /** @param members theirs, in the same order */
  keepAll(route: RefreshRoute, members: readonly string[], atMs: number): void {
    for (const [index, session] of this.#sessions.entries()) route.keep(session, members[index], atMs);
  }

  replyAll(result: RefreshResult): void {
    const replies = this.#replies;
    const tags = this.#tags;
    this.#keepNone();
    for (let index = 0; index < replies.length; index++)
      (replies[index] as RefreshReply)(result, tags[index] as number);
  }

  /** Answers those for which it is true; the others stay. */
  replyWhere(answered: readonly boolean[], result: RefreshResult): void {
    const sessions = this.#sessions;
    const replies = this.#replies;
    const tags = this.#tags;
    this.#keepNone();
    for (let index = 0; index < sessions.length; index++) {
      const reply = replies[index] as RefreshReply;
      const tag = tags[index] as number;
      if (answered[index]) reply(result, tag);
      else this.add(sessions[index] as Heartbeat, reply, tag);
    }
  }

  /** Has the route decide about all that were not answered yet. */
  async decideRest(route: RefreshRoute, atMs: number): Promise<void> {
    const replies = this.#replies;
    const tags = this.#tags;
    const decisions = this.#sessions.map(async (session, index) => {
      const result = await route.decide(session).catch((error: Error): RefreshResult => ({ kind: "failed", error }));
      if (result.kind === "failed" && isUnconfirmed(result.error)) route.keep(session, undefined, atMs);
      (replies[index] as RefreshReply)(result, tags[index] as number);
    });
    this.#keepNone();
    await Promise.all(decisions);
  }

  #keepNone(): void {
    this.#sessions = [];
    this.#replies = [];
    this.#tags = [];
  }
}

/** Whether the store may or may not have heard of it. */
export function isUnconfirmed(error: unknown): boolean {
  return error instanceof PresenceError && error.code === "UNAVAILABLE";
}
