import type { PublisherLease } from "../store.ts";

/**
 * Who publishes the shard and how far each publisher is. Within one process there is one node, but the rules are those
 * of every store. Time comes in as monotonic milliseconds.
 */
export class MemoryLeases {
  readonly #nodes = new Map<string, { untilMs: number }>();
  readonly #cursors = new Map<string, number>();
  #holder: { nodeId: string; untilMs: number } | undefined;
  #fence = 0;

  /** @returns how many nodes live */
  announce(nodeId: string, ttlMs: number, nowMs: number): number {
    this.#nodes.set(nodeId, { untilMs: nowMs + ttlMs });
    for (const [id, { untilMs }] of this.#nodes) if (untilMs <= nowMs) this.#nodes.delete(id);
    return this.#nodes.size;
  }

  withdraw(nodeId: string): void {
    this.#nodes.delete(nodeId);
  }

  /** Takes or extends the lease; undefined while another node holds it. */
  claim(nodeId: string, leaseMs: number, nowMs: number): Omit<PublisherLease, "begin"> | undefined {
    const isHeld = this.#holder !== undefined && this.#holder.untilMs > nowMs;
    if (isHeld && this.#holder?.nodeId !== nodeId) return undefined;
    if (!isHeld) this.#fence += 1;
    this.#holder = { nodeId, untilMs: nowMs + leaseMs };
    return { fence: this.#fence, cursors: Object.fromEntries(this.#cursors) };
  }

  release(nodeId: string): void {
    if (this.#holder?.nodeId === nodeId) this.#holder = undefined;
  }

  /** Whether it is the shard's fencing number. */
  isCurrent(fence: number): boolean {
    return fence === this.#fence;
  }

  /**
   * Moves cursors forward.
   * @returns the version that all the publishers named have sent (none named: Infinity); undefined when the fencing
   * number is no longer the shard's
   */
  advance(fence: number, cursors: Readonly<Record<string, number>>): number | undefined {
    if (!this.isCurrent(fence)) return undefined;
    let passed = Number.POSITIVE_INFINITY;
    for (const [publisher, version] of Object.entries(cursors)) {
      const cursor = Math.max(version, this.#cursors.get(publisher) ?? 0);
      this.#cursors.set(publisher, cursor);
      passed = Math.min(passed, cursor);
    }
    return passed;
  }
}
