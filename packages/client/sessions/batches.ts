/** What may go in one call with others. */
interface Groupable {
  /** How many may go in a call with it, itself included. */
  readonly groupMax: number;
}

/** In order, as many in each as it may have, and as each of its sessions may go with. */
export function batchesOf<Session extends Groupable>(sessions: readonly Session[], batchMax: number): Session[][] {
  const batches: Session[][] = [];
  let roomInLast = 0;
  for (const session of sessions) {
    const last = batches.at(-1);
    if (last !== undefined && roomInLast > 0 && last.length < session.groupMax) {
      last.push(session);
      roomInLast = Math.min(roomInLast - 1, session.groupMax - last.length);
    } else {
      batches.push([session]);
      roomInLast = Math.min(batchMax, session.groupMax) - 1;
    }
  }
  return batches;
}
