import { list, text } from "../replies.ts";
import type { RedisServers } from "./redis-servers.ts";

const start = "0";

/** One step of a SCAN over one server after the other. */
export interface ScanStep {
  /** Of the next step; empty: that was the last. */
  readonly cursor: string;
  readonly keys: readonly string[];
}

/**
 * A server that is away is passed over, and so is the rest of one that went away: who needs every key of a part makes
 * sure in another way that it stayed where it was.
 * @param cursor of the step before; empty: from the beginning
 * @param count keys looked at
 */
export async function scanServers(
  { servers }: RedisServers,
  cursor: string,
  { match, count }: { match: string; count: number },
): Promise<ScanStep> {
  const [within, name = ""] = cursor.split(" ", 2) as [string, string?];
  const server = servers.find((one) => (cursor === "" ? true : one.name >= name));
  if (server === undefined) return { cursor: "", keys: [] };
  const from = server.name === name ? within : start;
  const [next, keys] = list(await server.link.send(["SCAN", from, "MATCH", match, "COUNT", String(count)]));
  const after = next === start ? servers.find((one) => one.name > server.name)?.name : server.name;
  return { cursor: after === undefined ? "" : `${text(next)} ${after}`, keys: list(keys).map(text) };
}
