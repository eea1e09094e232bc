/** What a session said of whether somebody uses its device; one that never said anything counts as used, and attends nothing. */
export interface Activity {
  /** Of the call that said so; 0: it had none. */
  readonly sequence: number;
  /** Wall clock, ms, since when nobody does; 0: somebody does. */
  readonly idleSinceMs: number;
}

/** Who is idle for less is not yet; ms. */
export const idleMinMs = 60_000;

/**
 * @param said what a session says now
 * @returns what holds from now on; undefined: what did
 */
export function decideActivity(before: Activity | undefined, said: Activity, nowMs: number): Activity | undefined {
  if (before !== undefined && said.sequence > 0 && said.sequence <= before.sequence) return undefined;
  if (said.idleSinceMs > 0 && said.idleSinceMs + idleMinMs > nowMs) return undefined;
  const sequence = Math.max(said.sequence, before?.sequence ?? 0);
  if (before?.sequence === sequence && before.idleSinceMs === said.idleSinceMs) return undefined;
  return { sequence, idleSinceMs: said.idleSinceMs };
}

/** Of a session that registers. @param idleSinceMs undefined: it says nothing */
export function firstActivity(idleSinceMs: number | undefined, nowMs: number): Activity | undefined {
  if (idleSinceMs === undefined) return undefined;
  return { sequence: 0, idleSinceMs: idleSinceMs + idleMinMs > nowMs ? 0 : idleSinceMs };
}
