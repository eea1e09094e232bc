import { PresenceError } from "../../domain/presence-error.ts";
import type { SessionRef } from "../../domain/session.ts";
import type { PresenceStore, RefreshResult } from "../../store/store.ts";
import type { Random } from "./random.ts";

/** The store as two nodes use it; one of them may lose replies. */
export type Nodes = readonly [PresenceStore, PresenceStore];

/**
 * Calls a node; when the reply is lost, the other one, as gateways do. A call that was executed although its reply was
 * lost is then executed twice.
 */
export async function callSome<T>(nodes: Nodes, random: Random, call: (node: PresenceStore) => Promise<T>): Promise<T> {
  const first = random.below(2);
  for (let attempt = 0; ; attempt++) {
    try {
      return await call(nodes[(first + attempt) % 2] as PresenceStore);
    } catch (error) {
      if (!(error instanceof PresenceError) || error.code !== "UNAVAILABLE" || attempt === 3) throw error;
    }
  }
}

export function refresh(node: PresenceStore, session: SessionRef): Promise<RefreshResult["kind"]> {
  return new Promise((resolve, reject) => {
    node.refresh(session, (result) => (result.kind === "failed" ? reject(result.error) : resolve(result.kind)), 0);
  });
}
