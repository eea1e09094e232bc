/**
 * Whether a page of this origin may open sockets here. A browser sends the user's cookies whichever page asks, and
 * reaches what listens on loopback: only the gateway's own pages and those that were listed may. What is no browser
 * sends no Origin, and is told apart by its token.
 * Source: RFC 6455 §10.2
 */
export function isOriginAllowed(
  { origin, host }: { readonly origin: string | undefined; readonly host: string | undefined },
  allowed: ReadonlySet<string>,
): boolean {
  if (origin === undefined || allowed.has("*") || allowed.has(origin)) return true;
  return host !== undefined && URL.parse(origin)?.host === host;
}
