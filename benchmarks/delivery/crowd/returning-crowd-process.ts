import { systemClock as clock } from "@realchat/presence-runtime/clock";
import { WebSocket } from "ws";
import { jsonProtocol } from "../../../services/delivery/gateway/protocols/json-frames.ts";
import { openLoop } from "../../load/open-loop.ts";
import { socketUrl } from "./crowd.ts";

/** Clients that come back when their socket is closed, in a process of their own. */

export type ReturningOrder =
  | { readonly kind: "open"; readonly userIds: readonly string[]; readonly perSecond: number }
  /** Where sockets may be opened from now on. */
  | { readonly kind: "route"; readonly addresses: readonly string[] }
  | { readonly kind: "count" };

export type ReturningNews = { readonly kind: "done" } | ({ readonly kind: "counts" } & Counts);

interface Counts {
  readonly open: number;
  /** Users told to be offline, since the last count. */
  readonly grey: number;
  /** Sockets that were refused or broke before they were open, since the last count. */
  readonly refused: number;
  /** How long each client was without a socket, ms, since the last count. */
  readonly awayMs: readonly number[];
}

/** As the web client: 1012 is answered within a second, and a handshake has 30 s. */
const returnWithinMs = 1_000;
const handshakeTimeout = 30_000;

let addresses: readonly string[] = [];
let open = 0;
let counts = fresh();
const tell = (news: ReturningNews) => process.send?.(news);

process.on("message", async (order: ReturningOrder) => {
  if (order.kind === "count") {
    tell({ kind: "counts", open, ...counts });
    counts = fresh();
    return;
  }
  if (order.kind === "route") ({ addresses } = order);
  else {
    const { userIds, perSecond } = order;
    await openLoop({ perSecond, count: userIds.length }, (index) => connect(userIds[index] as string));
  }
  tell({ kind: "done" });
});
process.on("disconnect", () => process.exit());

function fresh(): { grey: number; refused: number; awayMs: number[] } {
  return { grey: 0, refused: 0, awayMs: [] };
}

function connect(userId: string, lostMs?: number): void {
  const address = addresses[Math.floor(clock.random() * addresses.length)] ?? "";
  const url = socketUrl(address, userId);
  const socket = new WebSocket(url, [jsonProtocol], {
    perMessageDeflate: false,
    skipUTF8Validation: true,
    handshakeTimeout,
  });
  let isOpen = false;
  socket.on("open", () => {
    isOpen = true;
    open += 1;
    if (lostMs !== undefined) counts.awayMs.push(clock.monotonicMs() - lostMs);
  });
  socket.on("message", (frame: Buffer) => {
    counts.grey += frame.toString("latin1").split('"online":false').length - 1;
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    if (isOpen) open -= 1;
    else counts.refused += 1;
    const sinceMs = isOpen ? clock.monotonicMs() : lostMs;
    clock.after(clock.random() * returnWithinMs, () => connect(userId, sinceMs));
  });
}
