import { list, type RedisLink, text } from "@realchat/presence-redis";

/** Members in one reply: about 2 ms of Redis. */
const pageMax = 20_000;
/** Members in one page of a scan, which costs three times as much per member, since it returns the stamps too. */
const scanCount = 5_000;

/**
 * All past and present members of a conversation, in pages; in a large one a member may come twice.
 * https://redis.io/docs/latest/commands/scan/: a member that exists from the start to the end of the scan is returned,
 * and members are never removed.
 * @param key see membersKey
 */
export async function* readMembers(link: RedisLink, key: string): AsyncIterable<string[]> {
  const all = list(await link.send(["ZRANGE", key, "0", String(pageMax)]));
  if (all.length <= pageMax) return yield all.map(text);
  let cursor = "0";
  do {
    const reply = list(await link.send(["ZSCAN", key, cursor, "COUNT", String(scanCount)]));
    cursor = text(reply[0]);
    const members = list(reply[1]).filter((_, index) => index % 2 === 0);
    yield members.map(text);
  } while (cursor !== "0");
}
