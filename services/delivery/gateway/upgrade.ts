import type { IncomingMessage } from "node:http";
import type { Refusal } from "./refusal.ts";

/** Whether a request asks for a WebSocket. Upgrades to other protocols are ignored: RFC 9110 §7.8. */
export function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return (headers.upgrade ?? "").split(",").some((protocol) => protocol.trim().toLowerCase() === "websocket");
}

/** Checks what ws would refuse with its own message, uncounted. Source: RFC 6455 §4.2.1 */
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

/** For a plain request at the path of the sockets. */
export const notUpgraded: Refusal = {
  reason: "no_upgrade",
  status: 426,
  message:
    "this is no WebSocket handshake: send Upgrade: websocket; a proxy in between has to pass Upgrade and Connection on",
};

/** Reduces the offer to the agreed protocol: ws refuses empty and repeated offers. */
export function agree({ headers }: IncomingMessage, protocol: string | undefined): void {
  headers.upgrade = "websocket";
  if (protocol === undefined) delete headers["sec-websocket-protocol"];
  else headers["sec-websocket-protocol"] = protocol;
}
