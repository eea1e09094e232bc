import { type Attention, attentionWith, withoutAttention } from "../../../domain/attention.ts";
import type { Moment } from "../../../domain/moment.ts";
import { registeredAtMs, type UserRecord } from "../../../domain/session.ts";
import { plainStatus, saidBy } from "../../../domain/status.ts";
import { statusIn } from "../../../domain/status-change.ts";
import type { DeviceView, StatusView, UserView } from "../../store.ts";
import { type ShardState, shard } from "../shard/shard-state.ts";
import type { UserRecords } from "./user-records.ts";

/** Reads how users are. */
export class UserReader {
  readonly #state: ShardState;
  readonly #users: UserRecords;

  constructor(state: ShardState, users: UserRecords) {
    this.#state = state;
    this.#users = users;
  }

  view(userId: string, moment: Moment): UserView {
    const { log, clocks, leases } = this.#state;
    const record = this.#users.read(userId, moment);
    if (record === undefined) {
      return { userId, online: false, version: log.lastVersion, lastSeenMs: 0, shard, devices: [] };
    }
    const { online, version } = record;
    const isHidden = (leaseId: string | undefined) => leases.isHidden(leaseId);
    const devices = devicesOf(record, clocks.ordersAheadUs, isHidden);
    const lastSeenMs = online ? 0 : this.#users.lastSeenMs(record, moment);
    const view = { userId, online, version, lastSeenMs, shard, devices };
    const [status, attention] = [statusIn(record), attentionIn(record, isHidden)];
    return status === undefined && attention === undefined ? view : { ...view, status, attention };
  }

  statusOf(userId: string): StatusView {
    const { version, online, status = plainStatus(online) } = this.view(userId, this.#state.clocks.moment());
    return { version, status };
  }
}

function devicesOf(
  record: UserRecord,
  aheadUs: number,
  isHidden: (leaseId: string | undefined) => boolean,
): DeviceView[] {
  const devices: DeviceView[] = [];
  for (const [deviceId, { current }] of record.devices) {
    if (current?.state !== "live" || isHidden(current.leaseId)) continue;
    const { instanceId, order } = current.session;
    devices.push({ deviceId, instanceId, connectedAtMs: registeredAtMs(order, aheadUs) });
  }
  return devices.sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1));
}

/** Sessions in grace, and under a lease that is lost or closed, lost their connection. */
function attentionIn(
  { devices, claims }: UserRecord,
  isHidden: (leaseId: string | undefined) => boolean,
): Attention | undefined {
  const isDoNotDisturb = claims !== undefined && saidBy(claims.claims).availability === "DO_NOT_DISTURB";
  let attention = isDoNotDisturb ? withoutAttention(isDoNotDisturb) : undefined;
  for (const { current } of devices.values()) {
    if (current?.activity === undefined) continue;
    const { state, leaseId, activity } = current;
    attention = attentionWith(attention, activity, state === "live" && !isHidden(leaseId));
  }
  return attention;
}
