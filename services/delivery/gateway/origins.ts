import { isOwnWithoutDoubt, normalOrigin } from "@realchat/presence-runtime";

/**
 * Whether a page of this origin may open sockets here. A browser sends the user's cookies whichever page asks, and
 * reaches what listens on loopback: only the gateway's own pages and those that were listed may. What is no browser
 * sends no Origin, and is told apart by its token.
 *
 * Where nobody needs a token, a page is the gateway's own only by an address or by localhost: any other name may be
 * made to lead here by whoever owns it (DNS rebinding).
 * Source: RFC 6455 §10.2
 */
export function isOriginAllowed(
  { origin, host }: { readonly origin: string | undefined; readonly host: string | undefined },
  allowed: ReadonlySet<string>,
  needsToken: boolean,
): boolean {
  if (origin === undefined || allowed.has("*") || allowed.has(normalOrigin(origin) ?? origin)) return true;
  const url = URL.parse(origin);
  // Read by the same scheme, so that neither its default port nor the spelling of a name makes a difference.
  if (url === null || !host || url.host !== URL.parse(`${url.protocol}//${host}`)?.host) return false;
  return needsToken || isOwnWithoutDoubt(url.host);
}
