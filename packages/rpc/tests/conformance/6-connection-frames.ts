import assert from "node:assert/strict";
import type { RpcServer } from "../../server.ts";
import { readAnswer } from "../../testing/raw-http2/answer.ts";
import { fieldBlock, indexed, literal } from "../../testing/raw-http2/field-block.ts";
import {
  data,
  flags,
  frame,
  goaway,
  headers,
  ping,
  pushPromise,
  settings,
  streamMax,
  windowUpdate,
} from "../../testing/raw-http2/frames.ts";
import type { RawHttp2Client } from "../../testing/raw-http2/raw-http2-client.ts";
import { connectionError } from "./reactions.ts";
import type { Requirement } from "./requirement.ts";
import { atOnce, head, open, request, textOf, unary } from "./texts.ts";

const block = fieldBlock(head());

/** RFC 9113 §6.6 to §6.8: PUSH_PROMISE, PING and GOAWAY. */
export const connectionFrames: readonly Requirement[] = [
  {
    section: "6.6",
    sentence:
      'A receiver MUST treat the receipt of a PUSH_PROMISE on a stream that is neither "open" nor "half-closed (local)" as a ' +
      "connection error of type PROTOCOL_ERROR",
    cases: [
      { sent: "on stream 0", send: [pushPromise(0, 2, block)], expect: connectionError("PROTOCOL_ERROR") },
      { sent: "on an idle stream", send: [pushPromise(1, 2, block)], expect: connectionError("PROTOCOL_ERROR") },
    ],
  },
  {
    section: "6.7",
    sentence:
      "Receivers of a PING frame that does not include an ACK flag MUST send a PING frame with the ACK flag set in " +
      "response, with an identical frame payload",
    cases: [
      {
        sent: "two PINGs",
        send: [ping("12345678"), ping(Buffer.from("00ff80ff0a0d0001", "hex"))],
        expect: async (client) => {
          assert.equal((await client.next("PING", { ack: true })).payload.toString(), "12345678");
          assert.equal((await client.next("PING", { ack: true })).payload.toString("hex"), "00ff80ff0a0d0001");
        },
      },
    ],
  },
  {
    section: "6.7",
    sentence: "An endpoint MUST NOT respond to PING frames containing this flag",
    cases: [
      {
        sent: "PING with ACK, then one without",
        send: [frame("PING", flags.ACK, 0, "answered"), ping("question")],
        expect: async (client) => {
          assert.equal((await client.next("PING", { ack: true })).payload.toString(), "question");
        },
      },
    ],
  },
  {
    section: "6.7",
    sentence:
      "If a PING frame is received with a Stream Identifier field value other than 0x00, the recipient MUST respond with a " +
      "connection error of type PROTOCOL_ERROR",
    cases: [
      { sent: "on an idle stream", send: [frame("PING", 0, 1, "8 octets")], expect: connectionError("PROTOCOL_ERROR") },
      {
        sent: "on an open stream",
        send: [open(1), frame("PING", 0, 1, "8 octets")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "ACK on a stream",
        send: [frame("PING", flags.ACK, 1, "8 octets")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
    ],
  },
  {
    section: "6.7",
    sentence:
      "Receipt of a PING frame with a length field value other than 8 MUST be treated as a connection error of type FRAME_SIZE_ERROR",
    cases: [
      { sent: "none", send: [ping("")], expect: connectionError("FRAME_SIZE_ERROR") },
      { sent: "7 octets", send: [ping("7 octet")], expect: connectionError("FRAME_SIZE_ERROR") },
      { sent: "9 octets", send: [ping("9 octets!")], expect: connectionError("FRAME_SIZE_ERROR") },
      {
        sent: "7 octets with ACK",
        send: [frame("PING", flags.ACK, 0, "7 octet")],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
    ],
  },
  {
    section: "6.8",
    sentence:
      "An endpoint MUST treat a GOAWAY frame with a stream identifier other than 0x00 as a connection error of type PROTOCOL_ERROR",
    cases: [
      {
        sent: "on an idle stream",
        send: [frame("GOAWAY", 0, 1, Buffer.alloc(8))],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "on an open stream",
        send: [open(1), frame("GOAWAY", 0, 1, Buffer.alloc(8))],
        expect: connectionError("PROTOCOL_ERROR"),
      },
    ],
  },
  {
    section: "6.8",
    sentence:
      "Activity on streams numbered lower than or equal to the last stream identifier might still complete successfully",
    cases: [
      {
        sent: "GOAWAY during a call, with debug data",
        send: [open(1), request(1, "a"), goaway(0, "NO_ERROR", "nothing more"), data(1, "", { end: true })],
        expect: async (client) => {
          const { fields, body } = await readAnswer(client, 1);
          assert.equal(fields.get("grpc-status"), "0");
          assert.equal(textOf(body), "a");
        },
      },
    ],
  },
  {
    section: "6.8",
    sentence:
      "A server that is attempting to gracefully shut down a connection SHOULD send an initial GOAWAY frame with the last " +
      "stream identifier set to 2^31-1 and a NO_ERROR code … [then] another GOAWAY frame with an updated last stream identifier",
    cases: [
      {
        sent: "a call during which the server is told to drain, and one after the first GOAWAY",
        send: async (client, server) => {
          client.write(open(1), request(1, "a"));
          await client.roundTrip();
          const drained = server.drain(5_000);
          const first = await client.next("GOAWAY");
          assert.deepEqual([first.payload.readUInt32BE(0), first.payload.readUInt32BE(4)], [streamMax, 0]);
          client.write(unary(3, "under way"));
          await answerPings(client);
          client.write(data(1, "", { end: true }));
          await drained;
        },
        expect: async (client) => {
          await client.untilClosed();
          const goaways = client.received.filter(({ type }) => type === "GOAWAY");
          assert.deepEqual(
            goaways.map(({ payload }) => payload.readUInt32BE(0)),
            [streamMax, 3],
          );
          const ended = client.received.filter((frame) => frame.type === "HEADERS" && frame.flags & flags.END_STREAM);
          assert.deepEqual(ended.map(({ stream }) => stream).sort(), [1, 3]);
        },
      },
    ],
  },
  {
    section: "6.8",
    sentence:
      "After sending a GOAWAY frame, the sender can discard frames for streams … with identifiers higher than the identified " +
      "last stream. However, … HEADERS … frames MUST be minimally processed to ensure that the state … is consistent",
    cases: [
      {
        sent: "a call after the second GOAWAY, whose head adds to the table, and trailers that use the entry",
        send: async (client, server) => {
          await drainAround(client, server, open(1), request(1, "a"));
          const adds = Buffer.concat([fieldBlock(head()), literal("incremental", "x-trailer", "1")]);
          client.write(headers(3, adds), request(3, "b", { end: true }));
          client.write(headers(1, indexed(62), { end: true }));
        },
        expect: async (client) => {
          const { fields, body } = await readAnswer(client, 1);
          assert.equal(fields.get("grpc-status"), "0");
          assert.equal(textOf(body), "a");
          await client.untilClosed();
          assert.deepEqual(
            client.received.filter(({ stream, type }) => stream === 3 && type === "HEADERS"),
            [],
          );
        },
      },
    ],
  },
  {
    section: "6.8",
    sentence: "Endpoints MUST NOT increase the value they send in the last stream identifier",
    cases: [
      {
        sent: "a call after the second GOAWAY, then PING with 7 octets",
        send: async (client, server) => {
          await drainAround(client, server, open(1), request(1, "a"));
          client.write(unary(3, "b"), ping("7 octet"));
        },
        expect: async (client) => {
          const { payload } = await client.next("GOAWAY");
          assert.deepEqual([payload.readUInt32BE(0), payload.readUInt32BE(4)], [1, 0x6]);
          await client.untilClosed();
        },
      },
    ],
  },
  {
    section: "6.8",
    sentence:
      "Activity on streams numbered lower than or equal to the last stream identifier might still complete successfully … " +
      "a server MAY [§8.1] … abort transmission of a request without error by sending a RST_STREAM with … NO_ERROR",
    cases: [
      {
        sent: "a call that is answered before it ends and before there is a window, as the last one of a server that drains",
        send: async (client, server) => {
          await drainAround(client, server, settings(["INITIAL_WINDOW_SIZE", 0]), open(1));
          client.write(request(1, atOnce));
          await client.next("HEADERS", { stream: 1 });
          await client.roundTrip();
          client.write(windowUpdate(1, 1_000));
        },
        expect: async (client) => {
          const { fields } = await client.next("HEADERS", { stream: 1 });
          assert.deepEqual(fields, [["grpc-status", "0"]]);
          assert.equal((await client.next("RST_STREAM", { stream: 1 })).payload.readUInt32BE(0), 0x0);
          await client.untilClosed();
        },
      },
      {
        sent: "WINDOW_UPDATE by nothing, on the last stream of a server that drains",
        send: async (client, server) => {
          await drainAround(client, server, open(1, "Unary"));
          client.write(windowUpdate(1, 0));
        },
        expect: async (client) => {
          assert.equal((await client.next("RST_STREAM", { stream: 1 })).payload.readUInt32BE(0), 0x1);
          await client.untilClosed();
        },
      },
    ],
  },
];

/** Opens stream 1, and lets the server drain until it waits for that stream alone. */
async function drainAround(client: RawHttp2Client, server: RpcServer, ...opening: readonly Buffer[]): Promise<void> {
  client.write(...opening);
  await client.roundTrip();
  void server.drain(5_000);
  await client.next("GOAWAY");
  await answerPings(client);
  assert.equal((await client.next("GOAWAY")).payload.readUInt32BE(0), 1);
}

/** Answers the PING by which a server learns that its first GOAWAY has arrived. */
async function answerPings(client: RawHttp2Client): Promise<void> {
  const { payload } = await client.next("PING");
  client.write(frame("PING", flags.ACK, 0, payload));
}
