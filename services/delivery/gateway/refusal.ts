import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

export type RefusalReason =
  /** More connections than sockets and their handshakes may need: dropped without an answer. */
  | "connections"
  | "not_found"
  | "bad_request"
  | "unknown_protocol"
  | "foreign_origin"
  | "unauthenticated"
  | "forbidden"
  | "sockets_total"
  | "sockets_of_user"
  | "sockets_of_address"
  | "draining"
  | "authentication_unavailable";

/** Why no socket is opened, told as an HTTP answer. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly status: 400 | 401 | 403 | 404 | 429 | 503;
  /** What, which, limit and what to do. */
  readonly message: string;
}

export function isRefusal(outcome: object): outcome is Refusal {
  return "reason" in outcome && "status" in outcome;
}

/** Answers a handshake that is not taken, and ends the connection. */
export function refuse(socket: Duplex, { status, reason, message }: Refusal): void {
  const body = `${JSON.stringify({ error: reason, message })}\n`;
  const headers = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "Connection: close",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Cache-Control: no-store",
    ...(status === 401 ? ["WWW-Authenticate: Bearer"] : []),
    ...(status === 429 || status === 503 ? ["Retry-After: 2"] : []),
  ];
  socket.end(`${headers.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}
