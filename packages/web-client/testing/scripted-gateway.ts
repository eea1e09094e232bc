import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { waitUntil } from "@realchat/presence-testing";
import { type WebSocket, WebSocketServer } from "ws";
import type { ClientFrame, ServerFrame } from "../types.d.ts";

/** A gateway that says only what a test makes it say. */
export type ScriptedGateway = {
  /** Of its WebSocket endpoint. */
  readonly url: string;
  /** Every socket that was ever opened, in order. */
  readonly sockets: readonly ScriptedSocket[];
  /** The socket with this number, counted from 0, once it is there. */
  socket(index: number): Promise<ScriptedSocket>;
  close(): Promise<void>;
};

export type ScriptedSocket = {
  /** Path and query that it asked for. */
  readonly path: string;
  readonly protocols: readonly string[];
  /** But for pings. */
  readonly heard: readonly ClientFrame[];
  /** Pings of the protocol's, which get no answer but the test's. */
  readonly pings: number;
  /** Once the client closed it. */
  readonly closeCode: number | undefined;
  send(frame: ServerFrame): void;
  /** Says what no gateway should. */
  sendText(text: string): void;
  /** Closes it in good order. */
  close(code: number, reason?: string): void;
  /** Drops the connection without a word. */
  cut(): void;
};

/** @param onRequest answers what is not a WebSocket; default: 404 */
export async function startScriptedGateway(onRequest?: RequestListener): Promise<ScriptedGateway> {
  const http = createServer(onRequest ?? ((_, response) => void response.writeHead(404).end()));
  const server = new WebSocketServer({ server: http, handleProtocols: (protocols) => [...protocols][0] ?? false });
  const sockets: ScriptedSocket[] = [];
  server.on("connection", (socket, request) => {
    const protocols = (request.headers["sec-websocket-protocol"] ?? "").split(/, */);
    sockets.push(scripted(socket, request.url ?? "", protocols));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}/ws`,
    sockets,
    async socket(index) {
      await waitUntil(() => sockets.length > index, { what: `socket ${index} is opened` });
      return sockets[index] as ScriptedSocket;
    },
    async close() {
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

function scripted(socket: WebSocket, path: string, protocols: readonly string[]): ScriptedSocket {
  const heard: ClientFrame[] = [];
  let pings = 0;
  let closeCode: number | undefined;
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data)) as ClientFrame;
    if (frame.type === "ping") pings++;
    else heard.push(frame);
  });
  socket.on("close", (code) => {
    closeCode = code;
  });
  return {
    path,
    protocols,
    heard,
    get pings() {
      return pings;
    },
    get closeCode() {
      return closeCode;
    },
    send: (frame) => socket.send(JSON.stringify(frame)),
    sendText: (text) => socket.send(text),
    close: (code, reason) => socket.close(code, reason),
    cut: () => socket.terminate(),
  };
}
