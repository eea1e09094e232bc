import type { LeaseOfCall } from "../../../domain/lease.ts";
import { closeLease, keepLease, type Lease, loseLease, openLease } from "../../../domain/lease.ts";
import type { Rules } from "../../../domain/rules.ts";
import type { DisconnectReason } from "../../../domain/transition.ts";
import type { LeaseView } from "../../store.ts";

/** Gateways' leases; whose sessions are under which, the records know. */
export class LeaseTable {
  readonly #rules: Rules;
  readonly #leases: Map<string, KnownLease>;

  /** @param leases where they are kept, by id */
  constructor(rules: Rules, leases = new Map<string, KnownLease>()) {
    this.#rules = rules;
    this.#leases = leases;
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
    this.#change(id, ({ lease }) => ({ lease: keepLease(lease, clockMs, this.#rules) ?? lease }));
    return this.#leases.get(id)?.lease.state;
  }

  close(id: string, reason: DisconnectReason, clockMs: number): void {
    this.#change(id, ({ lease }) => ({ lease: closeLease(lease, reason, clockMs, this.#rules) ?? lease }));
  }

  lose(id: string): void {
    this.#change(id, ({ lease }) => ({ lease: loseLease(lease) }));
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
    this.#change(id, () => ({ lookAtMs }));
  }

  #change(id: string, change: (known: KnownLease) => Partial<KnownLease>): void {
    const known = this.#leases.get(id);
    if (known !== undefined) this.#leases.set(id, { ...known, ...change(known) });
  }
}

export interface KnownLease {
  readonly lease: Lease;
  readonly instanceId: string;
  /** For the first time, wall clock. */
  readonly openedAtMs: number;
  /** Shard clock, ms: no session's own deadline is earlier. */
  readonly lookAtMs: number;
}
