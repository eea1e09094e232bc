import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { issueCertificates } from "@realchat/presence-rpc/testing";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { waitUntil } from "@realchat/presence-testing";
import { WebSocket } from "ws";
import type { FrameSink } from "../push/frame-sink.ts";
import { textFrame } from "./protocols/message-frame.ts";
import { type GatewayHarness, startGatewayHarness } from "./testing/gateway-harness.ts";

let harness: GatewayHarness;
let clock: FakeClock;
afterEach(() => harness.close());

/** More than the kernel takes for a peer that does not read. */
const muchBytes = 32 * 2 ** 20;
const { certificate, key } = issueCertificates().server;

for (const [name, tls] of [
  ["TCP", undefined],
  ["TLS", { certificate, key }],
] as const) {
  describe(`frames written over ${name}`, () => {
    async function open(): Promise<{ client: WebSocket; received: string[]; sink: FrameSink }> {
      clock = new FakeClock();
      harness = await startGatewayHarness({ tls, clock });
      const scheme = tls === undefined ? "ws" : "wss";
      const url = `${scheme}://${harness.address}/ws?user_id=ada&device_id=phone`;
      const client = new WebSocket(url, { rejectUnauthorized: false, perMessageDeflate: false });
      const received: string[] = [];
      client.on("message", (data) => received.push(String(data)));
      client.on("ping", () => received.push("ping"));
      await new Promise((resolve) => client.once("open", resolve));
      return { client, received, sink: harness.subscriptions[0]?.sink as FrameSink };
    }

    /** @returns whether the network has taken it: at once, or when it says so */
    function write(sink: FrameSink, text: string): () => boolean {
      let isTaken = sink.send(textFrame(text), () => {
        assert.equal(isTaken, false, "taken once");
        isTaken = true;
      });
      return () => isTaken;
    }

    test("are taken at once, or it is said when they are", async () => {
      const { received, sink } = await open();
      const isTaken = write(sink, "one");
      await waitUntil(isTaken, { what: "it is taken" });
      await waitUntil(() => received.length === 1, { what: "it is received" });
      assert.deepEqual(received, ["one"]);
    });

    test("stay whole and in order while the client does not read, and no ping comes into the middle", async () => {
      const { client, received, sink } = await open();
      client.pause();
      const much = "x".repeat(muchBytes);
      const isTaken = write(sink, much);
      assert.equal(isTaken(), false);
      // The gateway's own ping.
      await clock.advance(27_000);
      const isNextTaken = write(sink, "next");
      assert.equal(isNextTaken(), false);
      client.resume();
      await waitUntil(() => received.length === 3, { what: "all is received" });
      assert.equal(received[0]?.length, much.length);
      assert.deepEqual(received.slice(1), ["ping", "next"]);
      await waitUntil(() => isTaken() && isNextTaken(), { what: "both are taken" });
    });

    test("end with the close frame, whoever sent it first", async () => {
      const { client, received, sink } = await open();
      client.pause();
      write(sink, "x".repeat(muchBytes));
      sink.closeSlow();
      assert.equal(
        sink.send(textFrame("too late"), () => {}),
        true,
      );
      const closed = new Promise((resolve) => client.once("close", resolve));
      client.resume();
      assert.equal(await closed, 1013);
      assert.deepEqual(
        received.map(({ length }) => length),
        [muchBytes],
      );
    });
  });
}
