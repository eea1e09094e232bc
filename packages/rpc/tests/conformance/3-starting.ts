import assert from "node:assert/strict";
import { fieldBlock } from "../../testing/raw-http2/field-block.ts";
import { flags, frame, headers, ping, preface, settings, settingsAck } from "../../testing/raw-http2/frames.ts";
import { has } from "../../testing/raw-http2/received-frame.ts";
import { all, closed, connectionError, invalidPreface, served } from "./reactions.ts";
import type { Requirement } from "./requirement.ts";
import { head, unary } from "./texts.ts";

const latin1 = (text: string) => Buffer.from(text, "latin1");

/** RFC 9113 §3.4: a connection begins with a preface from either side. */
export const starting: readonly Requirement[] = [
  {
    section: "3.4",
    sentence:
      "The server connection preface consists of a potentially empty SETTINGS frame that MUST be the first frame the " +
      "server sends",
    cases: [
      {
        sent: "preface and empty SETTINGS",
        fromPreface: true,
        send: [preface, settings()],
        expect: async (client) => {
          await client.next("SETTINGS", { ack: true });
          assert.equal(client.received[0]?.type, "SETTINGS");
          assert.equal(client.received[0] && has(client.received[0], "ACK"), false);
        },
      },
    ],
  },
  {
    section: "3.4",
    sentence:
      "The SETTINGS frames received from a peer as part of the connection preface MUST be acknowledged after sending " +
      "the connection preface",
    cases: [
      {
        sent: "preface and SETTINGS",
        fromPreface: true,
        send: [preface, settings(["MAX_CONCURRENT_STREAMS", 100], ["INITIAL_WINDOW_SIZE", 65_535])],
        expect: async (client) => {
          await client.next("SETTINGS");
          await client.next("SETTINGS", { ack: true });
        },
      },
    ],
  },
  {
    section: "3.4",
    sentence:
      "clients are permitted to send additional frames to the server immediately after sending the client connection " +
      "preface",
    cases: [
      {
        sent: "preface, SETTINGS and a request at once",
        fromPreface: true,
        send: [preface, settings(), unary(1, "early")],
        expect: served("early"),
      },
      {
        sent: "the same, one byte at a time",
        fromPreface: true,
        send: (client) => client.drip(Buffer.concat([preface, settings(), unary(1, "drop by drop")])),
        expect: served("drop by drop"),
      },
      {
        sent: "the same, and the server's SETTINGS are acknowledged only afterwards",
        fromPreface: true,
        send: async (client) => {
          client.write(preface, settings(), unary(1, "first"));
          await served("first")(client);
          client.write(settingsAck(), unary(3, "second"));
        },
        expect: served("second", 3),
      },
    ],
  },
  {
    section: "3.4",
    sentence:
      "servers MUST treat an invalid connection preface as a connection error of type PROTOCOL_ERROR. A GOAWAY … MAY be omitted",
    cases: [
      {
        sent: "something else instead of the preface",
        fromPreface: true,
        send: [latin1("INVALID CONNECTION PREFACE\r\n\r\n")],
        expect: invalidPreface,
      },
      {
        sent: "a preface whose last byte is wrong",
        fromPreface: true,
        send: [preface.subarray(0, -1), latin1("\r"), settings()],
        expect: invalidPreface,
      },
      {
        sent: "a request of HTTP/1.1",
        fromPreface: true,
        send: [latin1("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")],
        expect: invalidPreface,
      },
      {
        sent: "a request of HTTP/1.1 to upgrade to h2c",
        fromPreface: true,
        send: [
          latin1(
            "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\n" +
              "http2-settings: AAMAAABkAAQAAP__\r\n\r\n",
          ),
        ],
        expect: invalidPreface,
      },
      { sent: "no preface, but frames", fromPreface: true, send: [settings(), ping(), ping()], expect: invalidPreface },
      {
        sent: "a preface that breaks off",
        fromPreface: true,
        send: async (client) => {
          client.write(preface.subarray(0, 20));
          client.end();
        },
        expect: closed,
      },
    ],
  },
  {
    section: "3.4",
    sentence: "This sequence MUST be followed by a SETTINGS frame",
    cases: [
      {
        sent: "PING after the preface",
        fromPreface: true,
        send: [preface, ping()],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "HEADERS after the preface",
        fromPreface: true,
        send: [preface, headers(1, fieldBlock(head()), { end: true })],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "SETTINGS with ACK after the preface",
        fromPreface: true,
        send: [preface, settingsAck()],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "SETTINGS of a stream after the preface",
        fromPreface: true,
        send: [preface, frame("SETTINGS", 0, 1)],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "a frame of unknown type after the preface",
        fromPreface: true,
        send: [preface, frame(0xfa, flags.ACK, 0, "unknown")],
        expect: connectionError("PROTOCOL_ERROR"),
      },
    ],
  },
  {
    section: "3.4",
    sentence:
      "In HTTP/2, each endpoint is required to send a connection preface as a final confirmation of the protocol in use",
    cases: [
      {
        sent: "the preface and SETTINGS, and not one frame more",
        fromPreface: true,
        send: async (client) => {
          client.write(preface, settings());
          client.end();
        },
        expect: all((client) => client.next("SETTINGS").then(() => undefined), closed),
      },
    ],
  },
];
