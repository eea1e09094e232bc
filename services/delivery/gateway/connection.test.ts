import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import { Writable } from "node:stream";
import { describe, test } from "node:test";
import { type Activity, plainStatus, type SessionHandle } from "@realchat/presence-client";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { WebSocket } from "ws";
import { everything, serialise } from "../privacy/policy.ts";
import type { FrameFormat } from "../push/frame-format.ts";
import type { Self } from "../self/self.ts";
import { Connection, type End } from "./connection.ts";
import { CorkedStreams } from "./corked-streams.ts";
import { envelopeFrames } from "./protocols/envelope-frames.ts";
import { jsonFrames } from "./protocols/json-frames.ts";
import { pingFrame } from "./protocols/message-frame.ts";
import { TimerWheel } from "./timer-wheel.ts";

/** More than a client may leave unread before it is no longer answered. */
const muchUnread = 16 * 2 ** 20;

function scene({ expiresAtMs, format = jsonFrames }: { expiresAtMs?: number; format?: FrameFormat } = {}) {
  const clock = new FakeClock();
  const pongs: string[] = [];
  const sent: string[] = [];
  const ends: End[] = [];
  const closes: string[] = [];
  const messages: string[] = [];
  const stream = new Writable({
    write(frame: Buffer, _encoding, done) {
      if (frame === pingFrame) socket.emit("pong");
      else sent.push(textOf(frame));
      done();
    },
  });
  const socket = Object.assign(new EventEmitter(), {
    readyState: WebSocket.OPEN as number,
    bufferedAmount: 0,
    pong: (data: Buffer) => pongs.push(String(data)),
    close: (code: number, reason: string) => closes.push(`${code} ${reason}`),
  });
  const setting = {
    ...{ clock, wheel: new TimerWheel(clock, 1_000), pingEveryMs: 25_000, pongWithinMs: 10_000 },
    // Turns of the event loop pass at once.
    corked: new CorkedStreams((run) => run()),
    messageRate: { perSecond: 1, burst: 3 },
    onEnd: (_: Connection, end: End) => ends.push(end),
    onMessage: (kind: string) => messages.push(kind),
  };
  const connection = new Connection(socket as unknown as WebSocket, {
    stream: stream as Duplex,
    format,
    expiresAtMs,
    setting,
  });
  const say = (text: string) => socket.emit("message", Buffer.from(text), false);
  return { clock, socket, pongs, sent, ends, closes, messages, say, connection };
}

/** Of a frame with a header of two or four bytes. */
const textOf = (frame: Buffer) => frame.subarray((frame[1] as number) < 126 ? 2 : 4).toString();

test("pings are answered, but not those of a client that does not read the answers", () => {
  const { socket, pongs, ends } = scene();
  socket.emit("ping", Buffer.from("one"));
  socket.bufferedAmount = muchUnread;
  socket.emit("ping", Buffer.from("two"));
  socket.bufferedAmount = 0;
  socket.emit("ping", Buffer.from("three"));
  assert.deepEqual(pongs, ["one", "three"]);
  socket.emit("ping", Buffer.from("four"));
  assert.deepEqual([pongs.length, ends], [2, ["too_many_messages"]]);
});

test("a session that an operator closed closes its socket, and says for how long the client is to stay away", () => {
  for (const [blockedMs, wanted] of [
    [undefined, "4003 closed: stolen phone"],
    [599_001, "4003 closed for 600 s: stolen phone"],
  ] as const) {
    const { connection, closes, ends } = scene();
    connection.setSession({
      ...({ close: async () => {} } as unknown as SessionHandle),
      listen: (listener) => listener.forced?.({ reason: "stolen phone", blockedMs }),
    });
    assert.deepEqual([closes, ends], [[wanted], ["closed"]]);
  }
});

describe("what a user says of itself", () => {
  const session = (said: Activity[]) => {
    const setActivity = (activity: Activity) => said.push(activity);
    return { listen() {}, close: async () => {}, setActivity } as unknown as SessionHandle;
  };

  test("of the device goes to its session, also when that comes later", () => {
    const { clock, connection, say, messages, ends } = scene();
    const said: Activity[] = [];
    say('{"type":"activity","idle":true,"age":90000}');
    connection.setSession(session(said));
    say('{"type":"activity","idle":false}');
    const idleSinceMs = Math.floor(clock.nowUs() / 1_000) - 90_000;
    assert.deepEqual(said, [{ idleSinceMs }, "active"]);
    assert.deepEqual([messages, ends], [["activity", "activity"], []]);
  });

  test("of its status goes to whoever keeps that, and what cannot be read is refused there", () => {
    const { connection, say, messages, ends, socket } = scene();
    const heard: unknown[] = [];
    const self: Self = {
      say: (message) => heard.push(message.kind === "status" ? message.claim?.text : message.content),
      refuse: (what, why) => heard.push([what, why]),
      close: () => heard.push("closed"),
    };
    connection.setSelf(self);
    say('{"type":"status","text":"lunch"}');
    say('{"type":"status","text":7}');
    say('{"type":"privacy","invisible":true}');
    const policy = { type: "privacy", invisible: true };
    assert.deepEqual(heard, ["lunch", ["status", "text is not a text"], policy]);
    assert.deepEqual([messages, ends], [["status", "refused", "privacy"], []]);
    socket.emit("close", 1000);
    assert.equal(heard.at(-1), "closed");
  });

  test("is answered in the newer protocol alone, and not to a client that does not read", () => {
    const { connection, sent, ends, socket } = scene();
    const status = { ...plainStatus(true), availability: "do-not-disturb", text: "review" } as const;
    const plain = { status: plainStatus(true), policy: undefined };
    connection.tellSelf({ status, policy: everything });
    connection.tellSelf(plain);
    connection.tellRefused("status", "it says nothing");
    assert.deepEqual(
      sent.map((frame) => JSON.parse(frame)),
      [
        {
          type: "self",
          availability: "do_not_disturb",
          status: { text: "review" },
          policy: JSON.parse(serialise(everything)),
        },
        { type: "self", availability: "available" },
        { type: "refused", what: "status", why: "it says nothing" },
      ],
    );
    socket.bufferedAmount = muchUnread;
    connection.tellSelf(plain);
    assert.deepEqual([sent.length, ends], [3, ["slow"]]);
    const older = scene({ format: envelopeFrames });
    older.connection.tellSelf(plain);
    older.connection.tellRefused("status", "it says nothing");
    assert.deepEqual([older.sent, older.ends], [[], []]);
  });
});

describe("a token's end is a time of day", () => {
  const nowMs = 1_790_000_000_000;

  test("closes its socket, and not before", async () => {
    const { clock, ends } = scene({ expiresAtMs: nowMs + 300_000 });
    await clock.advance(299_000);
    assert.deepEqual(ends, []);
    await clock.advance(3_000);
    assert.deepEqual(ends, ["token_expired"]);
  });

  test("comes sooner when the machine's clock is put forward: by the next ping", async () => {
    const { clock, ends } = scene({ expiresAtMs: nowMs + 3_600_000 });
    clock.stepWall(7_200_000);
    await clock.advance(27_000);
    assert.deepEqual(ends, ["token_expired"]);
  });

  test("comes later when it is put back", async () => {
    const { clock, ends } = scene({ expiresAtMs: nowMs + 60_000 });
    clock.stepWall(-3_600_000);
    await clock.advance(3_600_000);
    assert.deepEqual(ends, []);
    await clock.advance(62_000);
    assert.deepEqual(ends, ["token_expired"]);
  });

  test("never comes when it is out of range", async () => {
    const { clock, ends } = scene({ expiresAtMs: 1e303 });
    await clock.advance(3_600_000);
    assert.deepEqual(ends, []);
  });
});

describe("a heartbeat that a page can send and see", () => {
  const ping = '{"type":"ping"}';
  const pong = '{"type":"pong"}';

  test("is answered, each one, and counted as a message of its own kind", async () => {
    const { clock, sent, ends, messages, say } = scene();
    for (let beat = 0; beat < 100; beat++) {
      say(ping);
      await clock.advance(1_000);
    }
    assert.deepEqual([sent.length, new Set(sent), ends], [100, new Set([pong]), []]);
    assert.deepEqual(new Set(messages), new Set(["ping"]));
  });

  test("is not answered to a client that does not read the answers, and a flood of it is one of messages", () => {
    const { socket, sent, ends, say } = scene();
    say(ping);
    socket.bufferedAmount = muchUnread;
    say(ping);
    socket.bufferedAmount = 0;
    say(ping);
    assert.deepEqual([sent, ends], [[pong, pong], []]);
    say(ping);
    assert.deepEqual([sent.length, ends], [2, ["too_many_messages"]]);
  });

  test("has no answer in the older protocol, which ignores it", () => {
    const { sent, ends, say } = scene({ format: envelopeFrames });
    say(ping);
    assert.deepEqual([sent, ends], [[], []]);
  });
});
