import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "@realchat/presence-runtime";

type Chance = Pick<Clock, "random">;

export type RefusalReason =
  /** Too many connections: dropped without an answer. */
  | "connections"
  | "not_found"
  | "bad_request"
  | "no_upgrade"
  | "timeout"
  | "headers_too_big"
  | "unknown_protocol"
  | "foreign_origin"
  | "unauthenticated"
  | "forbidden"
  | "sockets_total"
  | "sockets_of_user"
  | "sockets_of_address"
  /** Too many others wait to be answered. */
  | "overloaded"
  | "draining"
  /** The client left before the answer. */
  | "gone"
  | "authentication_unavailable";

/** Why no socket is opened; sent as an HTTP answer. */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly status: 400 | 401 | 403 | 404 | 405 | 408 | 426 | 429 | 431 | 503;
  /** What is wrong, which value, the limit and what to do. */
  readonly message: string;
}

export function isRefusal(outcome: object): outcome is Refusal {
  return "reason" in outcome && "status" in outcome;
}

/** Answers a handshake that is refused, and ends the connection. */
export function refuse(socket: Duplex, refusal: Refusal, chance: Chance): void {
  const { status } = refusal;
  const { headers, body } = answerOf(refusal, chance);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, "", body].join("\r\n"), () => socket.destroy());
}

/** Answers a plain request at the path of the sockets. */
export function refuseRequest(response: ServerResponse, refusal: Refusal, chance: Chance): void {
  const { headers, body } = answerOf(refusal, chance);
  response.writeHead(refusal.status, headers).end(body);
}

/** After how long a client may come back, s: by chance, or those who were refused together would come back together. */
function retryAfterSeconds(chance: Chance): number {
  return 2 + Math.floor(4 * chance.random());
}

function answerOf(
  { status, reason, message }: Refusal,
  chance: Chance,
): { headers: Record<string, string | number>; body: string } {
  const body = `${JSON.stringify({ error: reason, message })}\n`;
  const headers = {
    Connection: status === 426 ? "close, Upgrade" : "close",
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
    ...(status === 401 && { "WWW-Authenticate": "Bearer" }),
    ...(status === 405 && { Allow: "GET" }),
    // RFC 9110 §15.5.22, RFC 6455 §4.4
    ...(status === 426 && { Upgrade: "websocket", "Sec-WebSocket-Version": 13 }),
    ...((status === 429 || status === 503) && { "Retry-After": retryAfterSeconds(chance) }),
  };
  return { headers, body };
}
