/** Part of a fault's time for which a bound does not count: the whole and some time after it, or its first moments. */
export type Excuse =
  | { readonly part: "whole"; readonly afterMs: number }
  | { readonly part: "start"; readonly forMs: number };

/** What may be expected of presence meanwhile. No fault excuses a false offline. */
export interface Allowance {
  /** For every reader. */
  readonly everyone?: Excuse;
  /** For who reads Kafka. */
  readonly kafka?: Excuse;
  /** For who looks at a page. */
  readonly page?: Excuse;
  /** For who reads from that node. */
  readonly ofNode?: { readonly node: number; readonly excuse: Excuse };
  /** No node reaches the store: nobody comes closer to their deadline (P6). */
  readonly isOutage?: boolean;
  /** Calls under way may be carried out when it is over. */
  readonly holdsCalls?: boolean;
  /** The shard clock may gain that much on the true time, ms. */
  readonly leapMs?: number;
  /** The store may lose what it had. */
  readonly losesData?: boolean;
  /** What it had may be there again in an older state: who left may be back until it has recovered. */
  readonly revives?: boolean;
  /** Shards recover for a TTL after it, though nothing is lost: nobody goes offline meanwhile. With a loss, `everyone` says so. */
  readonly recovers?: boolean;
  /** How long after its end nobody may be able to get an answer, ms. */
  readonly unavailableAfterMs: number;
}

/** Something that was done to the system, monotonic ms. */
export interface InjectedFault {
  /** Such as `node.freeze`. */
  readonly kind: string;
  /** Such as `node 1`. */
  readonly target: string;
  readonly beganMs: number;
  /** Set when the harm has ended. */
  healedMs: number;
  readonly allowance: Allowance;
}
