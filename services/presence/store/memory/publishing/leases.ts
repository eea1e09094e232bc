import type { Clock } from "@realchat/presence-runtime";
import type { PublisherLease } from "../../store.ts";
import type { ShardState } from "../shard/shard-state.ts";

/** Published entries stay in the log this long for watchers, ms. */
const watchersMs = 60_000;

/**
 * Who publishes the shard and how far each publisher is; see PublisherLeases. Within one process there is one node, but the
 * rules are those of every store.
 */
export class Leases {
  readonly #state: ShardState;
  readonly #clock: Clock;
  /** By monotonic ms. */
  readonly #nodes = new Map<string, { untilMs: number }>();
  readonly #cursors = new Map<string, number>();
  #holder: { nodeId: string; untilMs: number } | undefined;
  #fence = 0;

  constructor(state: ShardState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  announceNode(nodeId: string, ttlMs: number): number {
    const nowMs = this.#clock.monotonicMs();
    this.#nodes.set(nodeId, { untilMs: nowMs + ttlMs });
    for (const [id, { untilMs }] of this.#nodes) if (untilMs <= nowMs) this.#nodes.delete(id);
    return this.#nodes.size;
  }

  withdrawNode(nodeId: string): void {
    this.#nodes.delete(nodeId);
  }

  claim(nodeId: string, leaseMs: number): PublisherLease | undefined {
    const nowMs = this.#clock.monotonicMs();
    const isHeld = this.#holder !== undefined && this.#holder.untilMs > nowMs;
    if (isHeld && this.#holder?.nodeId !== nodeId) return undefined;
    if (!isHeld) this.#fence += 1;
    this.#holder = { nodeId, untilMs: nowMs + leaseMs };
    return { fence: this.#fence, begin: this.#state.begin, cursors: Object.fromEntries(this.#cursors) };
  }

  release(nodeId: string): void {
    if (this.#holder?.nodeId === nodeId) this.#holder = undefined;
  }

  /** Whether it is the shard's fencing number. */
  isCurrent(fence: number): boolean {
    return fence === this.#fence;
  }

  advance(fence: number, cursors: Readonly<Record<string, number>>): boolean {
    if (!this.isCurrent(fence)) return false;
    let passed = Number.POSITIVE_INFINITY;
    for (const [publisher, version] of Object.entries(cursors)) {
      const cursor = Math.max(version, this.#cursors.get(publisher) ?? 0);
      this.#cursors.set(publisher, cursor);
      passed = Math.min(passed, cursor);
    }
    const { log, logMaxEntries } = this.#state;
    const newestUs = Math.max(this.#clock.nowUs(), passed);
    log.trim(Math.min(passed, newestUs - watchersMs * 1000));
    log.trim(passed, logMaxEntries / 4);
    return true;
  }
}
