import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { pause, systemClock } from "@realchat/presence-runtime/clock";
import { freePort, waitUntil } from "@realchat/presence-testing";
import { Random } from "../random/random.ts";
import { Link } from "./link.ts";

describe("a link that can be harmed", () => {
  let echo: Server;
  let link: Link;
  let socket: Socket;
  let seen: { received: string; closed: boolean };

  const open = () => {
    const own = { received: "", closed: false };
    seen = own;
    socket = connect(link.port, "127.0.0.1");
    socket.on("data", (chunk) => {
      own.received += chunk;
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      own.closed = true;
    });
  };

  before(async () => {
    echo = createServer((peer) => peer.on("error", () => {}).pipe(peer));
    echo.listen(await freePort(), "127.0.0.1");
    await once(echo, "listening");
  });
  after(() => echo.close());
  beforeEach(async () => {
    const { port } = echo.address() as { port: number };
    link = await Link.open(await freePort(), { host: "127.0.0.1", port }, new Random(1));
    open();
    await once(socket, "connect");
  });
  afterEach(async () => {
    socket.destroy();
    await link.close();
  });

  const arrives = (text: string) => waitUntil(() => seen.received === text, { what: `${text} has arrived` });

  test("an open one passes everything on", async () => {
    socket.write("one");
    await arrives("one");
  });

  test("a cut one resets what is there and what comes, until it is open again", async () => {
    link.turn({ kind: "cut" });
    await waitUntil(() => seen.closed, { what: "the connection is reset" });
    open();
    await waitUntil(() => seen.closed, { what: "the new connection is reset" });
    link.turn({ kind: "open" });
    open();
    socket.write("two");
    await arrives("two");
  });

  test("a stalled one holds every byte, loses none, and passes them on when it is open again", async () => {
    link.turn({ kind: "stalled" });
    socket.write("held");
    await pause(systemClock, 50);
    assert.equal(seen.received, "");
    assert(!seen.closed);
    link.turn({ kind: "open" });
    await arrives("held");
  });

  test("a slow one keeps the order", async () => {
    link.turn({ kind: "slow", delayMs: 30 });
    const sentMs = systemClock.monotonicMs();
    socket.write("a");
    await pause(systemClock, 5);
    socket.write("b");
    await arrives("ab");
    assert(systemClock.monotonicMs() - sentMs >= 59, "there and back");
  });

  test("when it is slow no more, what was under way still comes first", async () => {
    link.turn({ kind: "slow", delayMs: 100 });
    socket.write("late ");
    await pause(systemClock, 20);
    link.turn({ kind: "open" });
    socket.write("later");
    await arrives("late later");
  });

  test("a flapping one resets at a chunk, sooner or later", async () => {
    link.turn({ kind: "flapping", resetChance: 0.2 });
    await waitUntil(
      () => {
        if (!seen.closed) socket.write("x");
        return seen.closed;
      },
      { what: "a chunk resets the connection" },
    );
  });
});
