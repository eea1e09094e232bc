import { backoffMs, type Clock, pause } from "@realchat/presence-runtime";
import type { Policies } from "../privacy/policies.ts";
import type { Known } from "../privacy/policy-directory.ts";
import type { DotSource } from "./dot-sources.ts";
import { Semaphore } from "./semaphore.ts";
import { PolicyRead, type WatchedUser } from "./watched-user.ts";

const backoff = { firstMs: 50, capMs: 2_000 };
const batchMax = 1_000;
/** Reads in flight. */
const readsMax = 64;

type Batch<Watcher> = Map<WatchedUser<Watcher>, PolicyRead>;

/**
 * What a read found, if the user has no later one.
 * @returns when the read is done; undefined: it is already
 */
type OnRead<Watcher> = (user: WatchedUser<Watcher>, read: PolicyRead, known: Known) => Promise<void> | undefined;

/**
 * Reads users' policies, those of one turn of the event loop together, and again until there is an answer. Each read begins
 * with a look at the end of what was said of policies: what it finds is no older than its beginning.
 */
export class PolicyReads<Watcher> implements DotSource {
  readonly #policies: Pick<Policies, "atEnd" | "policiesOf">;
  readonly #clock: Clock;
  readonly #onRead: OnRead<Watcher>;
  readonly #onFailure: (error: unknown) => void;
  readonly #nextTurn: (run: () => void) => void;
  readonly #semaphore = new Semaphore(readsMax);
  readonly #stop = new AbortController();
  /** Those of this turn; undefined: none yet. */
  #open: Batch<Watcher> | undefined;
  /** Since when a probe has had no answer, ms; undefined: none is under way. */
  #probingSinceMs: number | undefined;

  constructor(options: {
    policies: Pick<Policies, "atEnd" | "policiesOf">;
    clock: Clock;
    onRead: OnRead<Watcher>;
    onFailure: (error: unknown) => void;
    nextTurn: (run: () => void) => void;
  }) {
    this.#policies = options.policies;
    this.#clock = options.clock;
    this.#onRead = options.onRead;
    this.#onFailure = options.onFailure;
    this.#nextTurn = options.nextTurn;
  }

  /** Calls that are in flight, or wait. */
  get size(): number {
    return this.#semaphore.size;
  }

  unavailableMs(): number {
    const nowMs = this.#clock.monotonicMs();
    return nowMs - (this.#probingSinceMs ?? nowMs);
  }

  /**
   * Reads a policy to see whether that is possible. By reads that somebody waits for it would be told whether one who hides
   * comes and goes.
   */
  async probe(userId: string): Promise<void> {
    if (this.#probingSinceMs !== undefined) return;
    this.#probingSinceMs = this.#clock.monotonicMs();
    await this.untilRead(userId);
    this.#probingSinceMs = undefined;
  }

  /** Resolves when a read of the policy that begins now is back, whatever it finds. */
  async untilRead(userId: string): Promise<void> {
    await this.ask(
      () => this.#readAtEnd([userId]),
      () => true,
    );
  }

  close(): void {
    this.#stop.abort();
  }

  /** Reads the user's policy. */
  read(user: WatchedUser<Watcher>): void {
    user.read?.finish();
    user.read = new PolicyRead();
    this.#batch().set(user, user.read);
  }

  /** Asks until there is an answer, or nobody waits for it any more. */
  async ask<T>(question: () => Promise<T>, isWanted: () => boolean): Promise<T | undefined> {
    for (let attempt = 0; isWanted() && !this.#stop.signal.aborted; attempt++) {
      try {
        return await question();
      } catch (error) {
        this.#onFailure(error);
        await pause(this.#clock, backoffMs(attempt, backoff, this.#clock), this.#stop.signal);
      }
    }
    return undefined;
  }

  #batch(): Batch<Watcher> {
    if (this.#open !== undefined && this.#open.size < batchMax) return this.#open;
    const batch: Batch<Watcher> = new Map();
    this.#open = batch;
    this.#nextTurn(() => {
      if (this.#open === batch) this.#open = undefined;
      void this.#semaphore.run(() => this.#run(batch));
    });
    return batch;
  }

  async #run(batch: Batch<Watcher>): Promise<void> {
    const known = await this.ask(
      () => this.#readAtEnd(begin(batch)),
      () => wantedIn(batch).next().done !== true,
    );
    for (const [user, read] of batch) this.#take(user, read, known?.get(user.userId));
  }

  async #readAtEnd(userIds: readonly string[]): Promise<ReadonlyMap<string, Known>> {
    await this.#policies.atEnd();
    return this.#policies.policiesOf(userIds);
  }

  #take(user: WatchedUser<Watcher>, read: PolicyRead, known: Known | undefined): void {
    const done = () => {
      if (user.read === read) user.read = undefined;
      read.finish();
    };
    const settling = known !== undefined && user.read === read ? this.#onRead(user, read, known) : undefined;
    if (settling === undefined) done();
    else void settling.then(done);
  }
}

/** @returns whose policies are to be read: what is known of them now is what the read is for */
function begin(batch: Batch<unknown>): string[] {
  const userIds: string[] = [];
  for (const [user, read] of wantedIn(batch)) {
    read.begin(user);
    userIds.push(user.userId);
  }
  return userIds;
}

/** Those whose read is the last one, and who are still watched. */
function* wantedIn(batch: Batch<unknown>): Generator<[WatchedUser, PolicyRead]> {
  for (const [user, read] of batch) if (user.read === read && user.watchers.size > 0) yield [user, read];
}
