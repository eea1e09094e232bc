import { systemClock as clock } from "@realchat/presence-runtime/clock";
import { WebSocket } from "ws";
import { jsonProtocol } from "../../../services/delivery/gateway/protocols/json-frames.ts";
import { openLoop } from "../../load/open-loop.ts";

/** Many clients in a process of their own, so that what they take is none of the gateway's. */

export type CrowdOrder =
  | { readonly kind: "open"; readonly urls: readonly string[]; readonly perSecond: number }
  /** Report when so many sockets have received this user. */
  | { readonly kind: "await"; readonly userId: string; readonly frames: number }
  | { readonly kind: "close"; readonly code: number };

export type CrowdNews =
  | { readonly kind: "opened" | "awaiting" | "closed" }
  | { readonly kind: "failed"; readonly reason: string }
  /** Wall clock, µs, when the last socket received it. */
  | { readonly kind: "reached"; readonly atUs: number };

let sockets: WebSocket[] = [];
let awaited: { readonly text: string; left: number } | undefined;
const tell = (news: CrowdNews) => process.send?.(news);

process.on("message", (order: CrowdOrder) => {
  obey(order).catch((error: unknown) => tell({ kind: "failed", reason: String(error) }));
});
process.on("disconnect", () => process.exit());

async function obey(order: CrowdOrder): Promise<void> {
  if (order.kind === "await") {
    awaited = { text: `"id":"${order.userId}"`, left: order.frames };
    tell({ kind: "awaiting" });
  } else if (order.kind === "open") {
    const { urls, perSecond } = order;
    const opening: Promise<WebSocket>[] = [];
    await openLoop({ perSecond, count: urls.length }, (index) => opening.push(open(urls[index] as string)));
    sockets.push(...(await Promise.all(opening)));
    tell({ kind: "opened" });
  } else {
    const closing = sockets;
    sockets = [];
    await Promise.all(closing.map((socket) => close(socket, order.code)));
    tell({ kind: "closed" });
  }
}

function open(url: string): Promise<WebSocket> {
  // What signed the certificate of a gateway with TLS is made for the run.
  const options = { perMessageDeflate: false, skipUTF8Validation: true, rejectUnauthorized: false };
  const socket = new WebSocket(url, [jsonProtocol], options);
  socket.on("message", (frame: Buffer) => {
    if (awaited === undefined || !frame.includes(awaited.text)) return;
    awaited.left -= 1;
    if (awaited.left > 0) return;
    awaited = undefined;
    tell({ kind: "reached", atUs: clock.nowUs() });
  });
  return new Promise((resolve, reject) => {
    socket.once("open", () => resolve(socket));
    socket.on("error", reject);
  });
}

function close(socket: WebSocket, code: number): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
    socket.close(code);
  });
}
