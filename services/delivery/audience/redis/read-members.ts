import { list, type RedisConnection, text } from "@realchat/presence-redis";
import { prefix } from "./keys.ts";

/** Members in one reply, about. */
const pageSize = "1000";

/**
 * All who are or were in a conversation, page by page, some of them perhaps twice.
 * https://redis.io/docs/latest/commands/scan/: whoever is there from the beginning to the end is returned, and nobody
 * is ever removed.
 */
export async function* readMembers(connection: RedisConnection, conversation: string): AsyncIterable<string[]> {
  let cursor = "0";
  do {
    const reply = list(await connection.send(["ZSCAN", `${prefix}member:${conversation}`, cursor, "COUNT", pageSize]));
    cursor = text(reply[0]);
    // User and stamp in turns.
    const users = list(reply[1]).filter((_, index) => index % 2 === 0);
    yield users.map(text);
  } while (cursor !== "0");
}
