import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { readAnswer } from "./answer.ts";
import { fieldBlock } from "./field-block.ts";
import { data, flags, frame, goaway, headers, ping, rstStream, settings, settingsAck } from "./frames.ts";
import { RawHttp2Client } from "./raw-http2-client.ts";

test("frames are taken by their type, whatever came before them", async (t) => {
  const { client, server } = await connectToScript(t);
  server.write(Buffer.concat([settings(["MAX_CONCURRENT_STREAMS", 7]), settingsAck(), data(3, "a"), ping("a number")]));
  assert.equal((await client.next("PING")).payload.toString(), "a number");
  assert.equal((await client.next("DATA", { stream: 3 })).payload.toString(), "a");
  assert.equal((await client.next("SETTINGS", { ack: true })).payload.length, 0);
  assert.equal(client.serverSetting("MAX_CONCURRENT_STREAMS"), 7);
  assert.equal(client.serverSetting("MAX_FRAME_SIZE"), undefined);
  assert.equal(client.received.length, 4);
});

test("frames that are cut into pieces are put together", async (t) => {
  const { client, server } = await connectToScript(t);
  for (const byte of ping("in bits!")) {
    server.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  assert.equal((await client.next("PING")).payload.toString(), "in bits!");
});

test("an answer is its fields and its content, without padding", async (t) => {
  const { client, server } = await connectToScript(t);
  const block = fieldBlock([[":status", "200"]]);
  server.write(headers(1, block.subarray(0, 3), { endHeaders: false }));
  server.write(frame("CONTINUATION", flags.END_HEADERS, 1, block.subarray(3)));
  server.write(Buffer.concat([data(1, "con", { padding: 9 }), data(1, "tent")]));
  server.write(headers(1, fieldBlock([["grpc-status", "0"]]), { end: true }));
  const { fields, body } = await readAnswer(client, 1);
  assert.deepEqual(
    [...fields],
    [
      [":status", "200"],
      ["grpc-status", "0"],
    ],
  );
  assert.equal(body.toString(), "content");
});

test("an error that comes instead of what is waited for is told, and stays to be taken", async (t) => {
  const { client, server } = await connectToScript(t);
  server.write(Buffer.concat([rstStream(1, "CANCEL"), goaway(5, "ENHANCE_YOUR_CALM", "too much")]));
  await assert.rejects(client.next("DATA"), { message: "no DATA, but RST_STREAM CANCEL on stream 1" });
  await client.next("RST_STREAM", { stream: 1 });
  await assert.rejects(client.next("DATA"), { message: "no DATA, but GOAWAY ENHANCE_YOUR_CALM (too much)" });
});

test("the end of the connection is told, and waited for", async (t) => {
  const { client, server } = await connectToScript(t);
  server.end(settings());
  await client.untilClosed();
  await client.next("SETTINGS");
  await assert.rejects(client.next("PING"), { message: "no PING: the connection was closed" });
});

test("a field block that breaks RFC 7541 is told", async (t) => {
  const { client, server } = await connectToScript(t);
  server.write(headers(1, Buffer.of(0x80)));
  await assert.rejects(client.next("HEADERS"), { message: /^no HEADERS: index 0/ });
});

test("a round trip ends with the answer to its own PING", async (t) => {
  const { client, server } = await connectToScript(t);
  server.on("data", (asked: Buffer) => server.write(frame("PING", flags.ACK, 0, asked.subarray(9))));
  server.write(frame("PING", flags.ACK, 0, "an other"));
  await client.roundTrip();
  await client.roundTrip();
});

/** A client, and the other end of its connection. */
async function connectToScript(t: TestContext): Promise<{ client: RawHttp2Client; server: Socket }> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const accepted = once(listener, "connection");
  const client = await RawHttp2Client.connect((listener.address() as AddressInfo).port);
  const [server] = (await accepted) as [Socket];
  t.after(() => {
    client.destroy();
    server.destroy();
    listener.close();
  });
  return { client, server };
}
