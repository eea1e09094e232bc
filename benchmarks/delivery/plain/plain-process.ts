import type { AddressInfo } from "node:net";
import { systemClock as clock } from "@realchat/presence-runtime/clock";
import { type WebSocket, WebSocketServer } from "ws";

/**
 * The baseline: `ws` alone, which knows its sockets by the group that they name when they connect and sends each
 * socket of a group every change at once, in a frame of its own. Without sessions, who may see whom, pings or limits.
 */

export type PlainOrder = { readonly kind: "tell"; readonly group: string; readonly userId: string } | { kind: "usage" };

export type PlainNews =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "usage"; readonly residentBytes: number; readonly cpuSeconds: number };

const groups = new Map<string, Set<WebSocket>>();
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
const say = (news: PlainNews) => process.send?.(news);

server.on("listening", () => say({ kind: "listening", port: (server.address() as AddressInfo).port }));
server.on("connection", (socket, request) => {
  const query = new URL(request.url ?? "/", "http://plain").searchParams;
  const group = query.get("group");
  if (group !== null) join(socket, group);
  const watcher = query.get("tells");
  if (watcher !== null) tell(watcher, query.get("user_id") ?? "");
});
process.on("message", (order: PlainOrder) => {
  if (order.kind === "tell") tell(order.group, order.userId);
  else say({ kind: "usage", residentBytes: process.memoryUsage.rss(), cpuSeconds: cpuSeconds() });
});
process.on("disconnect", () => process.exit());

function join(socket: WebSocket, group: string): void {
  const members = groups.get(group) ?? new Set();
  groups.set(group, members.add(socket));
  socket.on("close", () => members.delete(socket));
}

function tell(group: string, userId: string): void {
  const version = clock.nowUs();
  for (const socket of groups.get(group) ?? []) {
    const user = { id: userId, online: true, version, cause: "connected", at: Math.floor(version / 1000) };
    socket.send(JSON.stringify({ type: "presence", users: [user] }));
  }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000_000;
}
