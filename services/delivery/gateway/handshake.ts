import type { IncomingMessage } from "node:http";
import { addressKey } from "./client-address.ts";

/** What a client asks for when it opens a socket. */
export interface Handshake {
  readonly path: string;
  /** From the query; undefined: not given. */
  readonly userId: string | undefined;
  readonly deviceId: string | undefined;
  /** The field whose value is not percent-encoded UTF-8; it counts as not given. */
  readonly unreadable: "user_id" | "device_id" | undefined;
  /** Offered sub-protocols, each once, without tokens, in the client's order. */
  readonly protocols: readonly string[];
  /** Never logged. */
  readonly token: string | undefined;
  /** Sent by browsers; scripts cannot change it. */
  readonly origin: string | undefined;
  readonly host: string | undefined;
  /** The client's address: one user at home, an office, or a proxy. */
  readonly address: string;
}

export interface HandshakeOptions {
  /** Cookie that may hold the token. */
  readonly cookie: string;
  /** Header in which our own proxy names the client's address; undefined: there is no proxy. */
  readonly addressHeader: string | undefined;
}

const bearerProtocol = "bearer.";

export function readHandshake(request: IncomingMessage, options: HandshakeOptions): Handshake {
  const { headers } = request;
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((protocol) => protocol.trim());
  const protocols = offered.filter((protocol) => protocol !== "" && !protocol.startsWith(bearerProtocol));
  const [userId, deviceId] = [inQuery(request, userIdField), inQuery(request, deviceIdField)];
  return {
    path: pathOf(request.url ?? "/"),
    userId: userId ?? undefined,
    deviceId: deviceId ?? undefined,
    unreadable: userId === null ? "user_id" : deviceId === null ? "device_id" : undefined,
    protocols: [...new Set(protocols)],
    token: inAuthorization(headers.authorization) ?? inProtocols(offered) ?? inCookies(headers.cookie, options.cookie),
    origin: headers.origin,
    host: headers.host,
    address: forwardedAddress(request, options.addressHeader) ?? addressKey(request.socket.remoteAddress ?? "") ?? "",
  };
}

/** Almost all ask for the same one; parsing is for the others. */
function pathOf(url: string): string {
  return url.startsWith("/ws?") ? "/ws" : (URL.parse(url, "http://gateway")?.pathname ?? "");
}

const userIdField = /(?:^|&)user_id=([^&#]*)/;
const deviceIdField = /(?:^|&)device_id=([^&#]*)/;

/**
 * A field of the query. `URLSearchParams` would decode invalid UTF-8 to U+FFFD, and so many ids to the same one.
 * @returns undefined when it is missing, null when it is not percent-encoded UTF-8
 */
function inQuery({ url = "" }: IncomingMessage, name: RegExp): string | undefined | null {
  const query = url.slice(url.indexOf("?") + 1);
  const field = name.exec(query)?.[1];
  if (field === undefined) return undefined;
  try {
    // Node decodes each byte that is not ASCII to one character.
    return /[^\x21-\x7e]/.test(field) ? null : decodeURIComponent(field.replaceAll("+", " "));
  } catch {
    return null;
  }
}

/** RFC 6750 §2.1 */
function inAuthorization(header: string | undefined): string | undefined {
  return /^bearer +(\S+)$/i.exec(header ?? "")?.[1];
}

/** Browsers cannot set headers of a WebSocket, but can set sub-protocols; a JWT has only characters allowed in one. */
function inProtocols(offered: readonly string[]): string | undefined {
  const protocol = offered.find((candidate) => candidate.startsWith(bearerProtocol));
  return protocol?.slice(bearerProtocol.length);
}

/** RFC 6265 §4.2.1 */
function inCookies(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  for (const pair of header.split(";")) {
    const [key, value] = pair.split("=", 2).map((part) => part.trim());
    if (key === name && value) return value;
  }
  return undefined;
}

/** The last entry: our own proxy added it, whatever the client sent. */
function forwardedAddress(request: IncomingMessage, header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const value = request.headers[header.toLowerCase()];
  const text = Array.isArray(value) ? value.at(-1) : value;
  return addressKey(text?.split(",").at(-1) ?? "");
}
