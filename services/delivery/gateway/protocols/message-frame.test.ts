import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { binaryFrame, textFrame } from "./message-frame.ts";

test("frames of every size of header are read as they were made, by a client that checks what it reads", async () => {
  const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 100_000];
  const http = createServer();
  const server = new WebSocketServer({ noServer: true });
  http.on("upgrade", (request, stream, head) => {
    server.handleUpgrade(request, stream, head, (socket) => {
      for (const length of lengths) stream.write(textFrame(text(length)));
      for (const length of lengths) stream.write(binaryFrame(Buffer.from(text(length))));
      socket.close(1000);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
  const received: [string, boolean][] = [];
  client.on("message", (data, isBinary) => received.push([String(data), isBinary]));
  const code = await new Promise((resolve) => client.on("close", resolve));
  http.close();
  assert.equal(code, 1000);
  assert.deepEqual(
    received,
    [false, true].flatMap((isBinary) => lengths.map((length) => [text(length), isBinary])),
  );
});

/** Of so many bytes, some of them in characters of two. */
function text(bytes: number): string {
  return "ä".repeat(Math.floor(bytes / 4)).padEnd(bytes - Math.floor(bytes / 4), "x");
}
