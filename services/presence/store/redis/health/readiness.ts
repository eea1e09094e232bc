import type { RedisServers } from "@realchat/presence-redis";
import type { StoreHealth } from "../../store.ts";
import type { LiveLog } from "../log/live-log.ts";
import type { ShardState } from "../shard/shard-state.ts";
import { shownShards } from "./shown-shards.ts";
import type { Troubles } from "./troubles.ts";

interface Parts {
  readonly shards: readonly { readonly state: ShardState }[];
  /** Connections for commands. */
  readonly servers: Pick<RedisServers, "detail">;
  /** Connections for announcements. */
  readonly live: Pick<LiveLog, "isReady" | "detail">;
  readonly troubles: Troubles;
}

/** Whether all shards are served, or some, and what an operator is told of it. */
export function readinessOf(parts: Parts): Pick<StoreHealth, "ready" | "serves" | "detail"> {
  const { servers, live, troubles } = parts;
  const shards = parts.shards.map(({ state }) => state);
  const away = shards.filter(({ number, link }) => !link.isReady || !live.isReady(number));
  if (away.length > 0) return { ready: false, serves: away.length < shards.length, detail: absence(away, parts) };
  const trouble = troubles.summary;
  if (trouble === undefined) return { ready: true, serves: true, detail: `${servers.detail}${recovery(shards)}` };
  const serves = troubles.failingShards < shards.length;
  return { ready: false, serves, detail: `${servers.detail}: ${trouble}` };
}

/** Says that shards recover, of a store that is ready all the same. */
function recovery(shards: readonly ShardState[]): string {
  const recovering = shards.filter(({ isRecovering }) => isRecovering).length;
  if (recovering === 0) return "";
  return `: ${recovering} of ${shards.length} shards began anew and recover, who reads offline may be online`;
}

/** Says which shards are not served, and why. */
function absence(away: readonly ShardState[], { shards, servers, live }: Parts): string {
  if (away.every(({ link }) => link.isReady)) return live.detail;
  if (away.length === shards.length) return servers.detail;
  const byDetail = Map.groupBy(away, ({ link }) => (link.isReady ? live.detail : link.detail));
  return [...byDetail]
    .map(([detail, states]) => `${shownShards(states.map(({ number }) => number))}: ${detail}`)
    .join("; ");
}
