import { RpcError } from "@realchat/presence-rpc";
import { type Clock, TokenBucket } from "@realchat/presence-runtime";

/** What each caller may use of one node. */
export interface Quotas {
  /** In the long run; as many at once. */
  readonly callsPerSecond: number;
  /** Open at once. */
  readonly streamsMax: number;
}

const outcomes = ["admitted", "denied", "exhausted"] as const;
type Outcome = (typeof outcomes)[number];

/** Names of their own; those that come later share one account. */
const namesMax = 1_000;
const sharedName = "(others)";

/** Sooner, those that are refused would only be refused again. */
const retryMinMs = 100;
const streamRetryMs = 1_000;

/** What one caller uses, and did. */
export class CallerAccount {
  readonly name: string;
  readonly counts: Record<Outcome, number> = { admitted: 0, denied: 0, exhausted: 0 };
  readonly #quotas: Quotas;
  readonly #calls: TokenBucket;
  #streams = 0;

  constructor(name: string, quotas: Quotas, nowMs: number) {
    this.name = name;
    this.#quotas = quotas;
    this.#calls = new TokenBucket({ burst: quotas.callsPerSecond, perSecond: quotas.callsPerSecond }, nowMs);
  }

  /** Streams open now. */
  get streams(): number {
    return this.#streams;
  }

  /** @throws RpcError RESOURCE_EXHAUSTED, with advice when to try again */
  takeCall(nowMs: number): void {
    if (this.#calls.take(nowMs)) return;
    const { callsPerSecond } = this.#quotas;
    throw this.#exhausted(
      `makes more than ${callsPerSecond} calls a second on this node, its limit (CALLER_CALLS_PER_SECOND)`,
      Math.max(retryMinMs, this.#calls.waitMs),
    );
  }

  /** Say `streamEnded` when it is over. @throws RpcError RESOURCE_EXHAUSTED, with advice when to try again */
  openStream(): void {
    const { streamsMax } = this.#quotas;
    if (this.#streams >= streamsMax) {
      throw this.#exhausted(
        `has ${streamsMax} streams open on this node, its limit (CALLER_STREAMS_MAX): ` +
          "watch more users on one stream, or another node",
        streamRetryMs,
      );
    }
    this.#streams++;
  }

  streamEnded(): void {
    this.#streams--;
  }

  #exhausted(what: string, retryAfterMs: number): RpcError {
    this.counts.exhausted++;
    return new RpcError("RESOURCE_EXHAUSTED", `${this.name} ${what}`, { retryAfterMs });
  }
}

/** The accounts of all callers, by name. They outlive their tokens. */
export class CallerAccounts {
  readonly #quotas: Quotas;
  readonly #clock: Clock;
  readonly #accounts = new Map<string, CallerAccount>();

  constructor(quotas: Quotas, clock: Clock) {
    this.#quotas = quotas;
    this.#clock = clock;
  }

  of(name: string): CallerAccount {
    return this.#accounts.get(name) ?? this.#open(this.#accounts.size < namesMax ? name : sharedName);
  }

  all(): Iterable<CallerAccount> {
    return this.#accounts.values();
  }

  #open(name: string): CallerAccount {
    const known = this.#accounts.get(name);
    if (known !== undefined) return known;
    const account = new CallerAccount(name, this.#quotas, this.#clock.monotonicMs());
    this.#accounts.set(name, account);
    return account;
  }
}
