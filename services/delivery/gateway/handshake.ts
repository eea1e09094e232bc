import type { IncomingMessage } from "node:http";

/** What a client asks for when it opens a socket. */
export interface Handshake {
  readonly path: string;
  /** From the query; undefined: not given. */
  readonly userId: string | undefined;
  readonly deviceId: string | undefined;
  /** Sub-protocols offered, tokens not among them, in the client's order. */
  readonly protocols: readonly string[];
  /** Never logged. */
  readonly token: string | undefined;
  /** Browsers send it, and scripts in them cannot change it. */
  readonly origin: string | undefined;
  readonly host: string | undefined;
  /** Of the client: one user at home, an office, or a proxy. */
  readonly address: string;
}

export interface HandshakeOptions {
  /** Cookie that may hold the token. */
  readonly cookie: string;
  /** Header in which our own proxy says where a connection comes from; undefined: there is no proxy. */
  readonly addressHeader: string | undefined;
}

const bearerProtocol = "bearer.";

export function readHandshake(request: IncomingMessage, options: HandshakeOptions): Handshake {
  const { headers } = request;
  const url = URL.parse(request.url ?? "/", "http://gateway");
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((protocol) => protocol.trim());
  const protocols = offered.filter((protocol) => protocol !== "" && !protocol.startsWith(bearerProtocol));
  return {
    path: url?.pathname ?? "",
    userId: url?.searchParams.get("user_id") ?? undefined,
    deviceId: url?.searchParams.get("device_id") ?? undefined,
    protocols,
    token: inAuthorization(headers.authorization) ?? inProtocols(offered) ?? inCookies(headers.cookie, options.cookie),
    origin: headers.origin,
    host: headers.host,
    address: addressKey(forwardedFor(request, options.addressHeader) ?? request.socket.remoteAddress ?? ""),
  };
}

/** RFC 6750 §2.1 */
function inAuthorization(header: string | undefined): string | undefined {
  return /^bearer +(\S+)$/i.exec(header ?? "")?.[1];
}

/** Browsers cannot set headers of a WebSocket, but sub-protocols; a JWT has only characters that one may have. */
function inProtocols(offered: readonly string[]): string | undefined {
  const protocol = offered.find((candidate) => candidate.startsWith(bearerProtocol));
  return protocol?.slice(bearerProtocol.length);
}

/** RFC 6265 §4.2.1 */
function inCookies(header: string | undefined, name: string): string | undefined {
  for (const pair of (header ?? "").split(";")) {
    const [key, value] = pair.split("=", 2).map((part) => part.trim());
    if (key === name && value) return value;
  }
  return undefined;
}

/** The last entry: the one that our own proxy added, whatever its client sent. */
function forwardedFor(request: IncomingMessage, header: string | undefined): string | undefined {
  const value = header === undefined ? undefined : request.headers[header.toLowerCase()];
  const text = Array.isArray(value) ? value.at(-1) : value;
  return text?.split(",").at(-1)?.trim() || undefined;
}

/** One subscriber of IPv6 has a whole /64 to choose from (RFC 6177): it counts as one address. */
export function addressKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(":")) return mapped ?? address;
  const [before = "", after] = address.split("::");
  const head = before === "" ? [] : before.split(":");
  const tail = after ? after.split(":") : [];
  const zeros = after === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array<string>(zeros).fill("0"), ...tail];
  return `${groups.slice(0, 4).join(":")}::/64`;
}
