import { integer, list, text } from "@realchat/presence-redis";
import type { LeaseState } from "../../../domain/lease.ts";
import type { LeaseView } from "../../store.ts";
import { closedLeaseMember, lostLeaseMember } from "../keys.ts";
import type { ShardState } from "../shard/shard-state.ts";

interface Holder {
  readonly instanceId: string;
  /** Wall clock; 0: not known. */
  readonly openedAtMs: number;
}

/** Who holds which lease of a shard: one for each gateway process. */
export async function holdersIn({ keys, link }: ShardState): Promise<ReadonlyMap<string, Holder>> {
  const flat = list(await link.send(["HGETALL", keys.holders])).map(text);
  const holders = new Map<string, Holder>();
  for (let index = 0; index < flat.length; index += 2) {
    const [instanceId = "", openedAtMs = "0"] = (flat[index + 1] as string).split("\x1f", 2);
    holders.set(flat[index] as string, { instanceId, openedAtMs: Number(openedAtMs) });
  }
  return holders;
}

/** Leases over all shards, by id: those after the one named. Each shard is asked for its holders, and for those of the page. */
export async function leasesAfter(shards: readonly ShardState[], after: string, limit: number): Promise<LeaseView[]> {
  const holders = await Promise.all(shards.map(holdersIn));
  const ids = new Set(holders.flatMap((held) => [...held.keys()]));
  const page = [...ids].filter((leaseId) => leaseId > after).sort();
  return Promise.all(
    page.slice(0, limit).map(async (leaseId) => {
      const known = holders.flatMap((held) => held.get(leaseId) ?? []);
      const parts = await Promise.all(shards.map((shard) => inShard(shard, leaseId)));
      const states = parts.map(({ state }) => state);
      return {
        leaseId,
        instanceId: known[0]?.instanceId ?? "",
        state: states.includes("closed") ? "closed" : states.includes("lost") ? "lost" : "open",
        openedAtMs: Math.min(...known.map(({ openedAtMs }) => openedAtMs)),
        sessions: parts.reduce((sum, { sessions }) => sum + sessions, 0),
      };
    }),
  );
}

async function inShard(
  { keys, link }: ShardState,
  leaseId: string,
): Promise<{ readonly state: LeaseState; readonly sessions: number }> {
  const [marks, sessions] = await Promise.all([
    link.send(["ZMSCORE", keys.deadlines, lostLeaseMember(leaseId), closedLeaseMember(leaseId)]),
    link.send(["ZCARD", keys.leasePrefix + leaseId]),
  ]);
  const [lost, closed] = list(marks);
  return { state: closed !== null ? "closed" : lost !== null ? "lost" : "open", sessions: integer(sessions) };
}
