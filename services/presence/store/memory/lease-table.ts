import type { LeaseOfCall, Rules } from "../../domain/decisions.ts";
import { closeLease, keepLease, type Lease, loseLease, openLease } from "../../domain/lease.ts";
import type { DisconnectReason } from "../../domain/transition.ts";
import type { LeaseView } from "../store.ts";

/** Gateways' leases; whose sessions are under which, the records know. */
export class LeaseTable {
  readonly #rules: Rules;
  readonly #leases = new Map<string, KnownLease>();

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  get size(): number {
    return this.#leases.size;
  }

  /** As a call names it. */
  named(id: string): LeaseOfCall {
    const known = this.#leases.get(id);
    return { id, state: known?.lease.state, instanceId: known?.instanceId ?? "" };
  }

  isOpen(id: string): boolean {
    return this.#leases.get(id)?.lease.state === "open";
  }

  /** Whether readers are not shown its sessions. */
  isHidden(id: string | undefined): boolean {
    const state = id === undefined ? undefined : this.#leases.get(id)?.lease.state;
    return state === "lost" || state === "closed";
  }

  /** @returns whether it is open now */
  open(
    id: string,
    instanceId: string,
    { clockMs, nowUs }: { readonly clockMs: number; readonly nowUs: number },
  ): boolean {
    const before = this.#leases.get(id);
    const lease = openLease(before?.lease, clockMs, this.#rules);
    if (lease === undefined) return false;
    const isKept = before?.lease.state === "open";
    const openedAtMs = before?.openedAtMs ?? Math.floor(nowUs / 1_000);
    this.#leases.set(id, { lease, instanceId, openedAtMs, lookAtMs: isKept ? before.lookAtMs : clockMs });
    return true;
  }

  /** @returns what it is; "open": it was kept */
  keep(id: string, clockMs: number): Lease["state"] | undefined {
    const known = this.#leases.get(id);
    if (known === undefined) return undefined;
    known.lease = keepLease(known.lease, clockMs, this.#rules) ?? known.lease;
    return known.lease.state;
  }

  close(id: string, reason: DisconnectReason, clockMs: number): void {
    const known = this.#leases.get(id);
    if (known !== undefined) known.lease = closeLease(known.lease, reason, clockMs, this.#rules) ?? known.lease;
  }

  lose(id: string): void {
    const known = this.#leases.get(id);
    if (known !== undefined) known.lease = loseLease(known.lease);
  }

  forget(id: string): void {
    this.#leases.delete(id);
  }

  /** By id, those after the one named, at most `limit`. */
  after(id: string, limit: number): Omit<LeaseView, "sessions">[] {
    const later = [...this.#leases].filter(([other]) => other > id).sort(([a], [b]) => (a < b ? -1 : 1));
    return later.slice(0, limit).map(([leaseId, { lease, instanceId, openedAtMs }]) => {
      return { leaseId, instanceId, state: lease.state, openedAtMs };
    });
  }

  /** The one whose deadline passed first. */
  firstDue(clockMs: number): { readonly id: string; readonly lease: Lease } | undefined {
    let first: { readonly id: string; readonly lease: Lease } | undefined;
    for (const [id, { lease }] of this.#leases) {
      if (lease.deadlineMs > clockMs || (first !== undefined && first.lease.deadlineMs <= lease.deadlineMs)) continue;
      first = { id, lease };
    }
    return first;
  }

  /** Open ones whose sessions are to be looked through, the longest due first. */
  toLookInto(clockMs: number): string[] {
    return [...this.#leases]
      .filter(([, { lease, lookAtMs }]) => lease.state === "open" && lookAtMs <= clockMs)
      .sort(([, a], [, b]) => a.lookAtMs - b.lookAtMs)
      .map(([id]) => id);
  }

  lookAt(id: string, lookAtMs: number): void {
    const known = this.#leases.get(id);
    if (known !== undefined) known.lookAtMs = lookAtMs;
  }
}

interface KnownLease {
  lease: Lease;
  readonly instanceId: string;
  /** For the first time, wall clock. */
  readonly openedAtMs: number;
  /** Shard clock, ms: no session's own deadline is earlier. */
  lookAtMs: number;
}
