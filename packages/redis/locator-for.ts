import type { Clock } from "@realchat/presence-runtime";
import { parseRedisUrl } from "./redis-address.ts";
import { locatorAt, type RedisLocator } from "./redis-locator.ts";
import type { RedisPlace } from "./redis-place.ts";
import { SentinelLocator } from "./sentinel-locator.ts";

/**
 * How the one server of a place is found; for who uses it to close.
 * @throws TypeError for a URL that is none
 */
export function locatorFor(place: RedisPlace, clock: Clock): RedisLocator {
  const { sentinel } = place;
  if (sentinel !== undefined) return new SentinelLocator({ ...place, sentinel }, clock);
  return locatorAt(parseRedisUrl(place.url, place.tlsCa, place.current));
}
