import type { IncomingMessage } from "node:http";
import type { Refusal } from "./refusal.ts";

/** Whether a request is to become a WebSocket; one that names other protocols only is as any other: RFC 9110 §7.8. */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return (headers.upgrade ?? "").split(",").some((protocol) => protocol.trim().toLowerCase() === "websocket");
}

/** What ws would refuse in its own words, uncounted. Source: RFC 6455 §4.2.1 */
export function wrongWithUpgrade({ method, headers }: IncomingMessage): Refusal | undefined {
  const refusal = (status: Refusal["status"], message: string): Refusal => ({ reason: "bad_request", status, message });
  if (method !== "GET") return refusal(405, `a WebSocket is opened with GET, this is ${method}`);
  const version = headers["sec-websocket-version"] ?? "missing";
  if (version !== "13") return refusal(426, `sec-websocket-version is ${version}: speak 13, which is RFC 6455`);
  if (!/^[+/0-9a-z]{22}==$/i.test(headers["sec-websocket-key"] ?? "")) {
    return refusal(400, "sec-websocket-key is not 16 bytes in base64: send a new one with each handshake");
  }
  return undefined;
}

/** Of a request to where sockets are that asks for none. */
export const notUpgraded: Refusal = {
  reason: "no_upgrade",
  status: 426,
  message:
    "this is no WebSocket handshake: send Upgrade: websocket; a proxy in between has to pass Upgrade and Connection on",
};

/** Leaves in it only what was agreed on, so that ws has nothing to refuse: it takes neither empty offers nor double ones. */
export function agree({ headers }: IncomingMessage, protocol: string | undefined): void {
  headers.upgrade = "websocket";
  if (protocol === undefined) delete headers["sec-websocket-protocol"];
  else headers["sec-websocket-protocol"] = protocol;
}
