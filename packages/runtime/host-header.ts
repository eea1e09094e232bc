import { isIP } from "node:net";
import { isLoopback } from "./settings/address.ts";

/**
 * Whether a request's Host names this server by an address or as localhost. Any other name may be made to lead here by
 * whoever owns it, with a page that then counts as this server's own (DNS rebinding).
 * @param host `name`, `name:port` or `[IPv6]:port`
 */
export function isOwnWithoutDoubt(host: string): boolean {
  const name = URL.parse(`http://${host}`)?.hostname.replace(/^\[(.*)\]$/, "$1") ?? "";
  return isIP(name) !== 0 || isLoopback(name);
}
