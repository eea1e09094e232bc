import { isIP } from "node:net";

/** Where Redis is, without what must not be said aloud. */
export interface RedisAddress {
  /** As `createClient` takes it, with user and password. */
  readonly url: string;
  /** For messages and logs: host, port and database only. */
  readonly shown: string;
  /** Its number; 0 unless the URL names one. */
  readonly database: number;
  /** undefined: plain TCP. */
  readonly tls: RedisTls | undefined;
  /** See RedisPlace. */
  readonly current: (() => RedisLogin) | undefined;
}

/** As whom to connect, and whom to trust. */
interface RedisLogin {
  /** Of which user and password count. */
  readonly url: string;
  readonly tlsCa?: string | undefined;
}

interface RedisTls {
  /** Authority that must have signed the server's certificate, PEM; undefined: Node's list. */
  readonly ca: string | undefined;
  /** Name by which a proxy finds the server (SNI); undefined for an IP address, as RFC 6066 §3 wants it. */
  readonly servername: string | undefined;
}

/**
 * @param url `redis://` or `rediss://`, with user, password, host, port and database as far as they differ from
 *   Redis' defaults. Source: https://www.iana.org/assignments/uri-schemes/prov/redis
 * @param tlsCa see RedisTls
 * @param current see RedisPlace
 * @throws TypeError that says what is wrong, never quoting the URL: it may hold a password
 */
export function parseRedisUrl(url: string, tlsCa?: string, current?: () => RedisLogin): RedisAddress {
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
  const tls = parsed.protocol === "rediss:" ? tlsTo(parsed.hostname, tlsCa) : undefined;
  if (tlsCa !== undefined && tls === undefined) throw wrong("has the protocol redis, which heeds no authority");
  return { url, shown, database: Number(database), tls, current };
}

/** The same Redis on another server: as whom, and how, it is used does not change. */
export function addressAt(known: RedisAddress, host: string, port: number): RedisAddress {
  const url = new URL(known.url);
  url.hostname = host.includes(":") ? `[${host}]` : host;
  url.port = String(port);
  return parseRedisUrl(url.href, known.tls?.ca, known.current);
}

/** The same address, with the user, the password and the authority that count now. */
export function withCurrentLogin(known: RedisAddress): RedisAddress {
  if (known.current === undefined) return known;
  const { url: login, tlsCa } = known.current();
  const { username, password } = new URL(login);
  const url = Object.assign(new URL(known.url), { username, password });
  return { ...known, url: url.href, tls: known.tls && { ...known.tls, ca: tlsCa } };
}

/** @param hostname of a URL: an IPv6 address stands in brackets */
function tlsTo(hostname: string, ca: string | undefined): RedisTls {
  const isAddress = hostname.startsWith("[") || isIP(hostname) !== 0;
  return { ca, servername: isAddress ? undefined : hostname };
}

function wrong(what: string): TypeError {
  return new TypeError(`the Redis URL ${what}: write redis://host:port, or rediss://user:password@host:port/database`);
}
