import type { Rules } from "../../../domain/rules.ts";
import type { DisconnectReason } from "../../../domain/transition.ts";

export type Leases = Map<string, ModelLease>;

export interface ModelLease {
  readonly instanceId: string;
  /** What is lost or closed and over goes in that very tick. */
  state: "open" | "lost" | "closed";
  deadlineMs: number;
  lookAtMs: number;
}

export type LeaseAnswer = "open" | "missing" | "closed";

export function openLease(
  leases: Leases,
  leaseId: string,
  instanceId: string,
  nowMs: number,
  { leaseTtlMs }: Rules,
): LeaseAnswer {
  const lease = leases.get(leaseId);
  if (lease?.state === "closed") return "closed";
  const deadlineMs = nowMs + leaseTtlMs;
  if (lease?.state === "open") Object.assign(lease, { deadlineMs, instanceId });
  else leases.set(leaseId, { state: "open", deadlineMs, instanceId, lookAtMs: nowMs });
  return "open";
}

export function keepLease(leases: Leases, leaseId: string, nowMs: number, { leaseTtlMs }: Rules): LeaseAnswer {
  const lease = leases.get(leaseId);
  if (lease?.state === "closed") return "closed";
  if (lease?.state !== "open") return "missing";
  lease.deadlineMs = nowMs + leaseTtlMs;
  return "open";
}

export function closeLease(
  leases: Leases,
  leaseId: string,
  reason: DisconnectReason,
  nowMs: number,
  { graceMs }: Rules,
): void {
  const lease = leases.get(leaseId);
  if (lease?.state !== "open" && lease?.state !== "lost") return;
  if (lease.state === "open") lease.deadlineMs = nowMs + (reason === "SERVER_DRAIN" ? graceMs : 0);
  lease.state = "closed";
}
