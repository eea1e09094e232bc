import { backoffMs, type Clock, pause } from "@realchat/presence-runtime";
import { ArrivalSet } from "@realchat/presence-runtime/arrival-set";
import { type Batch, LookupRequest } from "./lookup-request.ts";
import { LookupRefused } from "./presence-lookup.ts";
import type { LookupMetrics } from "./push.ts";

const backoff = { firstMs: 100, capMs: 2_000 };
/** After an answer others are gathered for as long as it took, and for so long at most, ms. */
const restMaxMs = 20;

/**
 * Looks up users at presence, in batches. One batch is in flight at a time, or as many as are allowed; users requested meanwhile,
 * or as soon after that, are in a later batch. A batch is retried until it is answered. A batch that presence refuses is halved,
 * until the users that presence cannot read are found: they are skipped, all others are answered. The queue is bounded by the users
 * that a request waits for.
 */
export class Lookups {
  readonly #lookUp: (userIds: readonly string[]) => Promise<void>;
  readonly #clock: Clock;
  readonly #batchMax: number;
  readonly #callsMax: number;
  /** In the order in which they are sent. */
  readonly #batches = new ArrivalSet<Batch>();
  /** The batch in which each user waits. */
  readonly #waiting = new Map<string, Batch>();
  readonly #stop = new AbortController();
  /** The last batch that waits, while it has room. */
  #open: Batch | undefined;
  #calls = 0;
  #asked = 0;
  #failures = 0;
  #refused = 0;
  #refusedInRow = 0;

  /**
   * @param options.lookUp looks the users up and applies the answer; rejects when there was none, with LookupRefused when
   * one of the users may be the cause
   * @param options.batchMax users in one call
   * @param options.callsMax calls at a time; default 1. Each request adds one, until there are so many
   */
  constructor(options: {
    lookUp: (userIds: readonly string[]) => Promise<void>;
    clock: Clock;
    batchMax: number;
    callsMax?: number;
  }) {
    this.#lookUp = options.lookUp;
    this.#clock = options.clock;
    this.#batchMax = options.batchMax;
    this.#callsMax = options.callsMax ?? 1;
  }

  get metrics(): LookupMetrics {
    return { asked: this.#asked, failures: this.#failures, refused: this.#refused, waiting: this.#waiting.size };
  }

  request(userIds: Iterable<string>): LookupRequest {
    const batches = new Set<Batch>();
    for (const userId of userIds) batches.add(this.#waiting.get(userId) ?? this.#enqueue(userId));
    const request = new LookupRequest(batches, (batch) => this.#dequeue(batch));
    if (this.#calls < this.#callsMax && this.#batches.first !== undefined) void this.#run();
    return request;
  }

  close(): void {
    this.#stop.abort();
  }

  #enqueue(userId: string): Batch {
    let batch = this.#open;
    if (batch === undefined) {
      batch = { userIds: [], requests: new Set() };
      this.#batches.add(batch);
    }
    batch.userIds.push(userId);
    this.#waiting.set(userId, batch);
    this.#open = batch.userIds.length < this.#batchMax ? batch : undefined;
    return batch;
  }

  /** The batch is sent now, or no request waits for it any more. */
  #dequeue(batch: Batch): void {
    if (!this.#batches.delete(batch)) return;
    for (const userId of batch.userIds) this.#waiting.delete(userId);
    if (this.#open === batch) this.#open = undefined;
  }

  async #run(): Promise<void> {
    this.#calls++;
    // Sockets that connect in one turn of the event loop are one call.
    await pause(this.#clock, 0, this.#stop.signal);
    for (let batch = this.#batches.first; batch !== undefined; batch = this.#batches.first) {
      this.#dequeue(batch);
      const sentMs = this.#clock.monotonicMs();
      await this.#lookUpInParts(batch.userIds);
      for (const request of batch.requests) request.answered(batch);
      await this.#rest(this.#clock.monotonicMs() - sentMs);
    }
    this.#calls--;
  }

  /** In a storm that is what makes batches large: presence is slow then. */
  async #rest(tookMs: number): Promise<void> {
    const isRoom = this.#batches.first === this.#open;
    if (isRoom && tookMs > 0) await pause(this.#clock, Math.min(tookMs, restMaxMs), this.#stop.signal);
  }

  async #lookUpInParts(userIds: readonly string[]): Promise<void> {
    const parts = [userIds];
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      if ((await this.#retryUntilAnswered(part)) === "answered") continue;
      const middle = Math.ceil(part.length / 2);
      if (part.length > 1) parts.push(part.slice(middle), part.slice(0, middle));
      else await this.#skipRefused();
    }
  }

  async #retryUntilAnswered(userIds: readonly string[]): Promise<"answered" | "refused"> {
    for (let attempt = 0; !this.#stop.signal.aborted; attempt++) {
      try {
        this.#asked += userIds.length;
        await this.#lookUp(userIds);
        this.#refusedInRow = 0;
        break;
      } catch (error) {
        if (error instanceof LookupRefused) return "refused";
        this.#failures++;
        await this.#pause(attempt);
      }
    }
    return "answered";
  }

  /** Pauses after the second refusal in a row: presence may refuse every user, and is not to be called in a tight loop. */
  async #skipRefused(): Promise<void> {
    this.#refused++;
    if (this.#refusedInRow++ > 0) await this.#pause(this.#refusedInRow);
  }

  #pause(attempt: number): Promise<void> {
    return pause(this.#clock, backoffMs(attempt, backoff, this.#clock), this.#stop.signal);
  }
}
