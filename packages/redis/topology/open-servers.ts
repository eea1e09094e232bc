import type { Clock } from "@realchat/presence-runtime";
import { locatorFor } from "../locator-for.ts";
import { parseRedisUrl } from "../redis-address.ts";
import type { RedisPlace } from "../redis-place.ts";
import { ClusterMap } from "./cluster/cluster-map.ts";
import { ClusterServers } from "./cluster/cluster-servers.ts";
import { OneServer } from "./one-server.ts";
import type { RedisServers, ServersOptions } from "./redis-servers.ts";

/**
 * The servers of a Redis, wherever it lives; to be started.
 * @throws TypeError for a URL that is none
 */
export function serversAt(place: RedisPlace, options: ServersOptions, clock: Clock): RedisServers {
  if (!place.cluster) return new OneServer(locatorFor(place, clock), options, clock);
  const address = parseRedisUrl(place.url, place.tlsCa, place.current);
  const { commandTimeoutMs } = options;
  return new ClusterServers(
    new ClusterMap({ seed: address, furtherSeeds: place.seeds ?? [], commandTimeoutMs }, clock),
    options,
    clock,
  );
}
