/** Where Redis is, without what must not be said aloud. */
export interface RedisAddress {
  /** As `createClient` takes it, with user and password. */
  readonly url: string;
  /** For messages and logs: host, port and database only. */
  readonly shown: string;
  /** Its number; 0 unless the URL names one. */
  readonly database: number;
}

/**
 * @param url `redis://` or `rediss://`, with user, password, host, port and database as far as they differ from
 *   Redis' defaults. Source: https://www.iana.org/assignments/uri-schemes/prov/redis
 * @throws TypeError that says what is wrong, never quoting the URL: it may hold a password
 */
export function parseRedisUrl(url: string): RedisAddress {
  const parsed = URL.parse(url);
  if (parsed === null) throw wrong("is not a URL");
  if (parsed.protocol !== "redis:" && parsed.protocol !== "rediss:") {
    throw wrong(`has the protocol ${parsed.protocol.slice(0, -1)}`);
  }
  if (parsed.hostname === "") throw wrong("names no host");
  const database = parsed.pathname.slice(1);
  if (!/^[0-9]*$/.test(database)) throw wrong(`has the path /${database}: it must be the number of a database`);
  const place = `${parsed.hostname}:${parsed.port || "6379"}`;
  const shown = `${parsed.protocol}//${place}${database === "" ? "" : `/${database}`}`;
  return { url, shown, database: Number(database) };
}

function wrong(what: string): TypeError {
  return new TypeError(`the Redis URL ${what}: write redis://host:port, or rediss://user:password@host:port/database`);
}
