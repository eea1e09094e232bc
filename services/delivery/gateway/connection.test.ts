import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import type { WebSocket } from "ws";
import { plainFrames } from "../push/testing/recording-outlet.ts";
import { Connection } from "./connection.ts";
import { TimerWheel } from "./timer-wheel.ts";

function scene({ expiresAtMs }: { expiresAtMs?: number } = {}) {
  const clock = new FakeClock();
  const pongs: string[] = [];
  const ends: unknown[] = [];
  const socket = Object.assign(new EventEmitter(), {
    bufferedAmount: 0,
    ping: () => socket.emit("pong"),
    pong: (data: Buffer) => pongs.push(String(data)),
    close() {},
  });
  const setting = {
    ...{ clock, wheel: new TimerWheel(clock, 1_000), pingEveryMs: 25_000, pongWithinMs: 10_000 },
    messageRate: { perSecond: 1, burst: 3 },
    onEnd: (_: Connection, end: unknown) => ends.push(end),
    onMessage() {},
  };
  new Connection(socket as unknown as WebSocket, { format: plainFrames, expiresAtMs, setting });
  return { clock, socket, pongs, ends };
}

test("pings are answered, but not those of a client that does not read the answers", () => {
  const { socket, pongs, ends } = scene();
  socket.emit("ping", Buffer.from("one"));
  socket.bufferedAmount = 16 * 2 ** 20;
  socket.emit("ping", Buffer.from("two"));
  socket.bufferedAmount = 0;
  socket.emit("ping", Buffer.from("three"));
  assert.deepEqual(pongs, ["one", "three"]);
  socket.emit("ping", Buffer.from("four"));
  assert.deepEqual([pongs.length, ends], [2, ["too_many_messages"]]);
});

describe("a token's end is a time of day", () => {
  const nowMs = 1_790_000_000_000;

  test("at which its socket is closed, and not before", async () => {
    const { clock, ends } = scene({ expiresAtMs: nowMs + 300_000 });
    await clock.advance(299_000);
    assert.deepEqual(ends, []);
    await clock.advance(3_000);
    assert.deepEqual(ends, ["token_expired"]);
  });

  test("that comes sooner when the machine's clock is put forward: by the next ping", async () => {
    const { clock, ends } = scene({ expiresAtMs: nowMs + 3_600_000 });
    clock.stepWall(7_200_000);
    await clock.advance(27_000);
    assert.deepEqual(ends, ["token_expired"]);
  });

  test("and later when it is put back", async () => {
    const { clock, ends } = scene({ expiresAtMs: nowMs + 60_000 });
    clock.stepWall(-3_600_000);
    await clock.advance(3_600_000);
    assert.deepEqual(ends, []);
    await clock.advance(62_000);
    assert.deepEqual(ends, ["token_expired"]);
  });

  test("or never, where it is beyond all range", async () => {
    const { clock, ends } = scene({ expiresAtMs: 1e303 });
    await clock.advance(3_600_000);
    assert.deepEqual(ends, []);
  });
});
