import { z } from "zod";
import { url } from "./kinds.ts";
import type { ValueKind } from "./setting.ts";

/** Where and as whom to reach Redis; what the URL leaves out is undefined. */
export interface RedisUrl {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number | undefined;
  /** The URL itself: it may hold the password. */
  readonly url: URL;
}

const plain = url(["redis", "rediss"]);

/**
 * `redis://user:password@host:port/database`, `rediss://` with TLS.
 * Source: https://www.iana.org/assignments/uri-schemes/prov/redis
 */
export const redisUrl: ValueKind<RedisUrl> = {
  placeholder: plain.placeholder,
  hide: plain.hide,
  schema: plain.schema.transform((parsed, context) => {
    const wrong = (why: string) => {
      context.addIssue({ code: "custom", message: `${why}: give redis[s]://[user:password@]host:port[/database]` });
      return z.NEVER;
    };
    const [, database] = /^\/?(\d{0,6})$/.exec(parsed.pathname) ?? [];
    if (database === undefined) return wrong("has no database number as its path");
    if (parsed.search !== "" || parsed.hash !== "") return wrong("has a query or fragment, which nothing reads");
    const username = decode(parsed.username);
    const password = decode(parsed.password);
    if (username === null || password === null) return wrong("has a % in its user or password that is not %25");
    return {
      host: parsed.hostname.replace(/^\[(.*)\]$/, "$1"),
      port: Number(parsed.port || 6379),
      tls: parsed.protocol === "rediss:",
      username: username || undefined,
      password: password || undefined,
      database: database === "" ? undefined : Number(database),
      url: parsed,
    };
  }),
  show: (value) => plain.show(value.url),
  // As whom may change, the server and the data must not.
  canBecome: (value, next) => placeIn(value) === placeIn(next),
};

function placeIn({ host, port, tls, database }: RedisUrl): string {
  return JSON.stringify([host, port, tls, database ?? 0]);
}

/** Null: not percent-encoded as RFC 3986 §2.1 wants it. */
function decode(component: string): string | null {
  try {
    return decodeURIComponent(component);
  } catch {
    return null;
  }
}
