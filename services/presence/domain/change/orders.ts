import type { Device, Session, UserRecord } from "../session.ts";

/**
 * The lowest order from this one on that no session without connection_id of another device has, or had and may be
 * revived: their session_ids would be the same. Orders meet while the clock does not tell them apart.
 */
export function freeOrder(
  record: UserRecord,
  { deviceId, connectionId = "" }: { readonly deviceId: string; readonly connectionId?: string },
  from: number,
): number {
  if (connectionId !== "") return from;
  const taken = new Set<number>();
  for (const [other, { current, tombstones }] of record.devices) {
    if (other === deviceId) continue;
    for (const session of current === undefined ? tombstones : [current.session, ...tombstones]) {
      if (session.connectionId === "") taken.add(session.order);
    }
  }
  let order = from;
  while (taken.has(order)) order += 1;
  return order;
}

export function highestOrder(device: Device): number {
  let highest = device.current?.session.order ?? 0;
  for (const tombstone of device.tombstones) highest = Math.max(highest, tombstone.order);
  return highest;
}

/**
 * Whether another connection of the device registered later, or took this very session's place. A connection never
 * outranks itself: it has two orders when a call that registers it is carried out once more, after a loss.
 */
export function isOutranked(device: Device, token: { order: number; connectionId: string }): boolean {
  const isItself = ({ connectionId }: Session) => connectionId !== "" && connectionId === token.connectionId;
  const outranks = (other: Session) => other.order > token.order && !isItself(other);
  if (device.current !== undefined && outranks(device.current.session)) return true;
  return device.tombstones.some(
    (other) =>
      outranks(other) ||
      (other.ending === "replaced" && other.order >= token.order && other.connectionId === token.connectionId),
  );
}
