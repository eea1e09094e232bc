import { systemClock as clock } from "@realchat/presence-runtime/clock";
import { type ClientOptions, type RawData, WebSocket } from "ws";
import { closedLoop } from "../load/closed-loop.ts";
import { retryMs } from "./retry.ts";

/** Many clients in a process of their own. It knows no server: what a client says and waits for is in its orders. */

/** One client: where it connects, what it says, and how it knows that it is there. */
export interface FleetClient {
  readonly url: string;
  readonly protocol: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent when the socket is open. */
  readonly hello: string | undefined;
  /** In the message with which the client has what it came for. */
  readonly ready: string;
}

export type FleetOrder =
  /** As many at a time are on their way. */
  | { readonly kind: "open"; readonly clients: readonly FleetClient[]; readonly inFlight: number }
  /** Report when so many messages held this text. */
  | { readonly kind: "await"; readonly text: string; readonly messages: number }
  /** The servers will be gone: each client comes back here, and says when all are ready again. */
  | { readonly kind: "come-back"; readonly clients: readonly FleetClient[]; readonly grey: string }
  /** From now on each client sends a ping of WebSocket so often. */
  | { readonly kind: "ping"; readonly everyMs: number }
  /** Say how long each pong took since then, and ping no more. */
  | { readonly kind: "stop-pinging" }
  | { readonly kind: "close"; readonly code: number };

export type FleetNews =
  | { readonly kind: "opened" | "awaiting" | "coming-back" | "pinging" | "closed" }
  | { readonly kind: "failed"; readonly reason: string }
  /** Wall clock, µs, when each of the messages was there, in order. */
  | { readonly kind: "reached"; readonly atUs: readonly number[] }
  | { readonly kind: "pinged"; readonly tookMs: readonly number[] }
  /** Wall clock, µs, when the last client was ready; clients' attempts; messages that showed somebody offline. */
  | { readonly kind: "back"; readonly atUs: number; readonly attempts: number; readonly grey: number };

/** Centrifugo's ping and the pong to it. Source: https://centrifugal.dev/docs/transports/client_protocol */
const empty = "{}";
const tryAgainLater = 1013;

let sockets: WebSocket[] = [];
let awaited: { readonly text: string; readonly messages: number; readonly atUs: number[] } | undefined;
let stopPinging: () => readonly number[] = () => [];
let grey: { readonly text: string; count: number } | undefined;
const tell = (news: FleetNews) => process.send?.(news);

process.on("message", (order: FleetOrder) => {
  try {
    obey(order);
  } catch (error) {
    fail(error);
  }
});
process.on("disconnect", () => process.exit());

function obey(order: FleetOrder): void {
  switch (order.kind) {
    case "open":
      void open(order.clients, order.inFlight);
      return;
    case "await":
      awaited = { text: order.text, messages: order.messages, atUs: [] };
      tell({ kind: "awaiting" });
      return;
    case "come-back":
      comeBack(order);
      tell({ kind: "coming-back" });
      return;
    case "ping":
      ping(order.everyMs);
      tell({ kind: "pinging" });
      return;
    case "stop-pinging":
      tell({ kind: "pinged", tookMs: stopPinging() });
      return;
    case "close":
      close(order.code);
  }
}

async function open(clients: readonly FleetClient[], inFlight: number): Promise<void> {
  await closedLoop({ count: clients.length, inFlight }, (index, answered) => {
    const socket = connect(clients[index] as FleetClient, answered);
    socket.on("error", fail);
    sockets.push(socket);
  });
  tell({ kind: "opened" });
}

function connect(client: FleetClient, ready: () => void): WebSocket {
  const options: ClientOptions = { headers: client.headers, perMessageDeflate: false, skipUTF8Validation: true };
  const socket = new WebSocket(client.url, client.protocol === undefined ? [] : [client.protocol], options);
  let isReady = false;
  socket.on("open", () => {
    if (client.hello !== undefined) socket.send(client.hello);
  });
  socket.on("message", (data: RawData) => {
    const message = data as Buffer;
    if (!isReady && message.includes(client.ready)) {
      isReady = true;
      ready();
    }
    if (message.length === empty.length) socket.send(empty);
    else count(message);
  });
  return socket;
}

function count(message: Buffer): void {
  if (grey !== undefined && message.includes(grey.text)) grey.count++;
  if (awaited === undefined || !message.includes(awaited.text)) return;
  const { atUs, messages } = awaited;
  atUs.push(clock.nowUs());
  if (atUs.length < messages) return;
  awaited = undefined;
  tell({ kind: "reached", atUs });
}

/** One after the other, evenly over the period. What has no answer in the end took at least as long as until then. */
function ping(everyMs: number): void {
  const pinged = [...sockets];
  const tookMs: number[] = [];
  const waiting = new Set<string>();
  for (const socket of pinged) {
    socket.on("pong", (data) => {
      const sent = data.toString();
      if (waiting.delete(sent)) tookMs.push(clock.monotonicMs() - Number(sent));
    });
  }
  let turn = 0;
  const stop = clock.every(everyMs / pinged.length, () => {
    const sent = String(clock.monotonicMs());
    waiting.add(sent);
    pinged[turn++ % pinged.length]?.ping(sent);
  });
  stopPinging = () => {
    stop();
    return [...tookMs, ...[...waiting].map((sent) => clock.monotonicMs() - Number(sent))];
  };
}

/** As the web client: each waits by chance, ever longer, until it is ready. */
function comeBack({ clients, grey: text }: Extract<FleetOrder, { kind: "come-back" }>): void {
  const lost = sockets;
  sockets = [];
  grey = { text, count: 0 };
  let left = clients.length;
  let attempts = 0;
  const ready = () => {
    left--;
    if (left === 0) tell({ kind: "back", atUs: clock.nowUs(), attempts, grey: grey?.count ?? 0 });
  };
  for (const [index, socket] of lost.entries()) {
    let attempt = 0;
    const again = (code: number) => {
      clock.after(retryMs(attempt++, code === tryAgainLater, clock), () => {
        attempts++;
        const next = connect(clients[index] as FleetClient, ready);
        sockets[index] = next;
        next.on("error", () => {});
        next.on("close", again);
      });
    };
    socket.off("error", fail);
    socket.on("error", () => {});
    socket.on("close", again);
  }
}

function close(code: number): void {
  const closing = sockets;
  sockets = [];
  let left = closing.length;
  for (const socket of closing) {
    socket.removeAllListeners("close");
    socket.on("close", () => {
      left--;
      if (left === 0) tell({ kind: "closed" });
    });
    socket.close(code);
  }
}

function fail(error: unknown): void {
  tell({ kind: "failed", reason: String(error) });
}
