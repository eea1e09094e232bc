import { firstActivity } from "../activity.ts";
import type { Refusal } from "../block.ts";
import type { LeaseOfCall } from "../lease.ts";
import { type Moment, nowMs } from "../moment.ts";
import { orderClockAt, readOrderClock } from "../order-clock.ts";
import { isUnproven } from "../recovery.ts";
import type { Rules } from "../rules.ts";
import type { Device, Session, UserRecord } from "../session.ts";
import type { NewTransition } from "../transition.ts";
import { makeRoom, movedTo, noDevice, noRecord, setCurrent } from "./devices.ts";
import { freeOrder, highestOrder, isOutranked } from "./orders.ts";

export interface RegisterRequest {
  readonly deviceId: string;
  readonly instanceId: string;
  readonly connectionId: string;
  /** Parsed previous_session_id. */
  readonly previous: { readonly order: number; readonly connectionId: string } | undefined;
  /** How long ago the client was last known to be there, ms; 0: it is there. */
  readonly ageMs: number;
  /** The lease that the session is to be under. */
  readonly lease?: LeaseOfCall;
  /** Since when nobody uses the device, wall clock, ms; absent: it does not say. */
  readonly idleSinceMs?: number | undefined;
  /** By a block of the user, the device or the connection. */
  readonly refusal?: Refusal | undefined;
}

/** An operator closed it. */
export type Closed = { kind: "closed" } & Refusal;

type RegisterDecision =
  /** `replaced`: the session whose deadline goes. The new deadline is a TTL from now. */
  | {
      kind: "registered";
      record: UserRecord;
      session: Session;
      replaced: Device["current"];
      transition: NewTransition | undefined;
    }
  /** A repeated call: the session is there already; its deadline is extended, where the record says that it is. */
  | { kind: "repeated"; session: Session; record: UserRecord }
  | { kind: "lease-missing" | "lease-closed" }
  | Closed
  | { kind: "ended" }
  | { kind: "superseded" }
  | { kind: "too-many-devices" };

/**
 * What becomes of a user's record when a session registers. Pure, as all of this folder: the record and the time go in, what to
 * store and what to tell comes out. The scripts of store/redis/lua/change/ take the same decisions; the contract suite and the
 * model test hold the two together.
 */
export function decideRegister(
  before: UserRecord | undefined,
  request: RegisterRequest,
  moment: Moment,
  rules: Rules,
): RegisterDecision {
  const record = before ?? noRecord;
  const device = record.devices.get(request.deviceId) ?? noDevice;
  const { current } = device;
  const { lease } = request;
  if (lease?.state === "closed") return { kind: "lease-closed" };
  if (lease !== undefined && lease.state !== "open") return { kind: "lease-missing" };
  if (request.refusal !== undefined) return { kind: "closed", ...request.refusal };

  let comesBackAt = request.previous?.order;
  if (request.connectionId !== "") {
    const isSame = (session: Session) => session.connectionId === request.connectionId;
    if (current?.state === "live" && isSame(current.session)) {
      return { kind: "repeated", session: current.session, record: movedTo(lease, record, request.deviceId, device) };
    }
    if (current?.state === "grace" && isSame(current.session)) return { kind: "ended" };
    const tombstone = device.tombstones.find(isSame);
    if (tombstone?.ending === "ended") return { kind: "ended" };
    if (tombstone?.ending === "replaced") return { kind: "superseded" };
    // It expired. Perhaps a late duplicate of the first call: only its old order keeps it below later sessions (P7).
    comesBackAt ??= tombstone?.order;
  }

  const freshOrder = Math.max(readOrderClock(moment.orders, moment.nowUs), moment.beginUs, highestOrder(device) + 1);
  const itsOrder = comesBackAt ?? agedOrder(request.ageMs, freshOrder, moment, rules);
  // A previous_session_id from the future (of another store, or forged) must not hold the device for ever.
  const order = freeOrder(record, request, Math.min(itsOrder, freshOrder));
  if (isOutranked(device, { order, connectionId: request.connectionId })) return { kind: "superseded" };

  const roomy = makeRoom(record, request.deviceId, moment, rules);
  if (roomy === undefined) return { kind: "too-many-devices" };
  const contested = request.connectionId === "" && isUnclear(device, moment, rules);
  const session: Session = {
    order,
    connectionId: request.connectionId,
    instanceId: request.instanceId,
    contestedUntilMs: contested ? moment.clockMs + rules.memoryMs : 0,
  };
  const activity = firstActivity(request.idleSinceMs, nowMs(moment));
  return {
    kind: "registered",
    session,
    replaced: current,
    ...setCurrent(roomy, request.deviceId, session, lease?.id, activity, moment, rules),
  };
}

/**
 * Where a registration that waited has its place: when its client was there. Orders ahead of their clock were given by what
 * did not know it, such as an earlier release: then an age says nothing.
 */
function agedOrder(ageMs: number, freshOrder: number, { nowUs, orders }: Moment, { ageMinMs }: Rules): number {
  const isKnown = ageMs >= ageMinMs && freshOrder <= readOrderClock(orders, nowUs) + ageMinMs * 1_000;
  return isKnown ? orderClockAt(orders, nowUs - ageMs * 1_000) : freshOrder;
}

/** Whether a late Unregister without session_id could be meant for an earlier session of this device. */
function isUnclear(device: Device, moment: Moment, rules: Rules): boolean {
  if (device.current !== undefined || isUnproven(moment, rules)) return true;
  return device.tombstones.some((tombstone) => tombstone.endedAtMs + rules.memoryMs > moment.clockMs);
}
