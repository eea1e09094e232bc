import { isOwnWithoutDoubt, normalOrigin } from "@realchat/presence-runtime";

/**
 * Whether a page of this origin may open sockets here. A browser sends the user's cookies for every page, and reaches
 * servers on loopback: only the gateway's own pages and listed origins may. A client that is not a browser sends no
 * Origin, and is authenticated by its token.
 *
 * Without tokens, a page is the gateway's own only by an IP address or by localhost: the owner of any other name can let
 * it resolve to this host (DNS rebinding).
 * Source: RFC 6455 §10.2
 */
export function isOriginAllowed(
  { origin, host }: { readonly origin: string | undefined; readonly host: string | undefined },
  allowed: ReadonlySet<string>,
  needsToken: boolean,
): boolean {
  if (origin === undefined || allowed.has("*") || allowed.has(normalOrigin(origin) ?? origin)) return true;
  const url = URL.parse(origin);
  // Parsed with the same scheme, so that neither the default port nor the spelling of a name makes a difference.
  if (url === null || !host || url.host !== URL.parse(`${url.protocol}//${host}`)?.host) return false;
  return needsToken || isOwnWithoutDoubt(url.host);
}
