import { unreachable } from "../domain/invariant.ts";
import type { Limits } from "../domain/limits.ts";
import { PresenceError } from "../domain/presence-error.ts";
import type { DisconnectReason } from "../domain/transition.ts";
import type { GatewayLeases, LeaseResult } from "../store/store.ts";
import { leaseClosed } from "./errors.ts";
import { checkId } from "./request-checks.ts";

/** Of a lease that is open, as far as the shards answered. */
type KeptLease = Omit<Extract<LeaseResult, { kind: "kept" }>, "kind">;

/** The leases under which gateways keep all their sessions. All methods reject with PresenceError. */
export class Leases {
  readonly #store: GatewayLeases;
  readonly #limits: Limits;
  readonly #refused: string | undefined;

  /** @param refused why this node opens none; undefined: it does */
  constructor(store: GatewayLeases, limits: Limits, refused: string | undefined) {
    this.#store = store;
    this.#limits = limits;
    this.#refused = refused;
  }

  /** Opens a lease, or again what is missing or lost. */
  async open(leaseId: string, instanceId: string): Promise<KeptLease> {
    checkId("lease_id", leaseId, this.#limits);
    checkId("instance_id", instanceId, this.#limits);
    if (this.#refused !== undefined) throw new PresenceError("UNIMPLEMENTED", this.#refused);
    return keptLease(leaseId, await this.#store.openLease(leaseId, instanceId));
  }

  /** A lease's heartbeat. */
  async keep(leaseId: string): Promise<KeptLease> {
    checkId("lease_id", leaseId, this.#limits);
    return keptLease(leaseId, await this.#store.keepLease(leaseId));
  }

  /** Ends all sessions under a lease. To close what is not there succeeds. */
  async close(leaseId: string, reason: DisconnectReason): Promise<void> {
    checkId("lease_id", leaseId, this.#limits);
    await this.#store.closeLease(leaseId, reason);
  }
}

function keptLease(leaseId: string, result: LeaseResult): KeptLease {
  switch (result.kind) {
    case "kept":
      return { missing: result.missing, partial: result.partial, begins: result.begins };
    case "closed":
      throw leaseClosed(leaseId);
    case "unsupported":
      throw new PresenceError("UNIMPLEMENTED", `no leases here: ${result.why}`);
    default:
      return unreachable(result);
  }
}
