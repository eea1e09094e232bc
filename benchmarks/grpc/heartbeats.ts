import { connectPresence, type PresenceClient } from "../../services/presence/testing/presence-client.ts";
import { closedLoopOf } from "../load/closed-loop.ts";
import type { NextOf } from "../load/turns.ts";

export { connectPresence };

export interface Heartbeat {
  readonly userId: string;
  readonly deviceId: string;
  readonly sessionId: string;
}

/** RefreshSession for each. */
export function refreshEach(
  { api }: PresenceClient,
  next: NextOf<Heartbeat>,
  load: { count: number; inFlight: number },
): Promise<void> {
  return closedLoopOf(load, () => api.refreshSession(next()));
}

/** RefreshSessions for so many at a time. */
export function refreshInBatches(
  { api }: PresenceClient,
  next: NextOf<Heartbeat>,
  { count, inFlight, batchSessions }: { count: number; inFlight: number; batchSessions: number },
): Promise<void> {
  return closedLoopOf({ count: count / batchSessions, inFlight }, async () => {
    const sessions = Array.from({ length: batchSessions }, () => next());
    const { missing, superseded } = await api.refreshSessions({ sessions });
    if (missing.length + superseded.length > 0) throw new Error("a session is gone");
  });
}

/** CPU time of a presence node so far, µs, as it says itself: getrusage(2), by way of prom-client. */
export async function nodeCpuUs({ httpAddress }: { httpAddress: string }): Promise<number> {
  const text = await (await fetch(`http://${httpAddress}/metrics`)).text();
  const seconds = /^process_cpu_seconds_total(?:\{.*\})? (.*)$/m.exec(text)?.[1];
  if (seconds === undefined) throw new Error("/metrics does not say what CPU time the process used");
  return Number(seconds) * 1_000_000;
}
