import { isIPv4, isIPv6 } from "node:net";

/**
 * The key by which a client's sockets are counted, from an address as proxies write it, with or without a port. An IPv6
 * customer has a whole /64 (RFC 6177), which counts as one address.
 * @returns undefined unless the text is an IP address
 */
export function addressKey(text: string): string | undefined {
  const bare = text.trim().replace(/^"(.*)"$/, "$1");
  const dotted = bare.replace(/:\d+$/, "");
  if (isIPv4(dotted)) return dotted;
  const bracketed = /^\[(.*)\](?::\d+)?$/.exec(bare)?.[1];
  const address = (bracketed ?? bare).replace(/%.*$/, "");
  return isIPv6(address) ? keyOfGroups(groupsOf(address)) : undefined;
}

/** Eight groups of hexadecimal digits, in lower case and without leading zeros. */
function groupsOf(address: string): string[] {
  // URL reads all spellings and writes one: https://url.spec.whatwg.org/#concept-ipv6-serializer
  const [before = "", after] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const [head, tail] = [before, after ?? ""].map((part) => (part === "" ? [] : part.split(":"))) as [
    string[],
    string[],
  ];
  const zeros = after === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array<string>(zeros).fill("0"), ...tail];
}

function keyOfGroups(groups: readonly string[]): string {
  // RFC 4291 §2.5.5.2: an IPv4 address, on a socket for both families.
  if (groups.slice(0, 6).join(":") === "0:0:0:0:0:ffff") {
    const [high, low] = groups.slice(6).map((group) => Number.parseInt(group, 16)) as [number, number];
    return [high >> 8, high & 255, low >> 8, low & 255].join(".");
  }
  return `${groups.slice(0, 4).join(":")}::/64`;
}
