import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import type { WebSocket } from "ws";
import { plainFrames } from "../push/testing/recording-outlet.ts";
import { Connection } from "./connection.ts";
import { TimerWheel } from "./timer-wheel.ts";

test("pings are answered, but not those of a client that does not read the answers", () => {
  const clock = new FakeClock();
  const pongs: string[] = [];
  const socket = Object.assign(new EventEmitter(), {
    bufferedAmount: 0,
    pong: (data: Buffer) => pongs.push(String(data)),
    close() {},
  });
  const setting = {
    ...{ clock, wheel: new TimerWheel(clock, 1_000), pingEveryMs: 25_000, pongWithinMs: 10_000 },
    ...{
      messageRate: { perSecond: 1, burst: 3 },
      onEnd: (_: Connection, end: unknown) => ends.push(end),
      onMessage() {},
    },
  };
  const ends: unknown[] = [];
  new Connection(socket as unknown as WebSocket, { format: plainFrames, expiresInMs: undefined, setting });
  socket.emit("ping", Buffer.from("one"));
  socket.bufferedAmount = 16 * 2 ** 20;
  socket.emit("ping", Buffer.from("two"));
  socket.bufferedAmount = 0;
  socket.emit("ping", Buffer.from("three"));
  assert.deepEqual(pongs, ["one", "three"]);
  socket.emit("ping", Buffer.from("four"));
  assert.deepEqual([pongs.length, ends], [2, ["too_many_messages"]]);
});
