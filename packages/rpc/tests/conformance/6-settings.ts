import assert from "node:assert/strict";
import { flags, frame, ping, preface, settings } from "../../testing/raw-http2/frames.ts";
import { all, connectionError, served } from "./reactions.ts";
import type { Requirement } from "./requirement.ts";
import { open, unary } from "./texts.ts";

/** RFC 9113 §6.5: SETTINGS. */
export const settingsFrames: readonly Requirement[] = [
  {
    section: "6.5",
    sentence:
      "Receipt of a SETTINGS frame with the ACK flag set and a length field value other than 0 MUST be treated as a " +
      "connection error of type FRAME_SIZE_ERROR",
    cases: [
      {
        sent: "ACK with a setting",
        send: [frame("SETTINGS", flags.ACK, 0, Buffer.from([0, 3, 0, 0, 0, 100]))],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
    ],
  },
  {
    section: "6.5",
    sentence:
      "If an endpoint receives a SETTINGS frame whose Stream Identifier field is anything other than 0x00, the endpoint MUST " +
      "respond with a connection error of type PROTOCOL_ERROR",
    cases: [
      { sent: "on an idle stream", send: [frame("SETTINGS", 0, 1)], expect: connectionError("PROTOCOL_ERROR") },
      {
        sent: "on an open stream",
        send: [open(1), frame("SETTINGS", 0, 1)],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      { sent: "ACK on a stream", send: [frame("SETTINGS", flags.ACK, 1)], expect: connectionError("PROTOCOL_ERROR") },
    ],
  },
  {
    section: "6.5",
    sentence:
      "A SETTINGS frame with a length other than a multiple of 6 octets MUST be treated as a connection error of type " +
      "FRAME_SIZE_ERROR",
    cases: [
      { sent: "3 octets", send: [frame("SETTINGS", 0, 0, "abc")], expect: connectionError("FRAME_SIZE_ERROR") },
      {
        sent: "7 octets",
        send: [frame("SETTINGS", 0, 0, Buffer.of(0, 3, 0, 0, 0, 100, 0))],
        expect: connectionError("FRAME_SIZE_ERROR"),
      },
    ],
  },
  {
    section: "6.5.2",
    sentence:
      "SETTINGS_ENABLE_PUSH … Any value other than 0 or 1 MUST be treated as a connection error of type PROTOCOL_ERROR",
    cases: [
      { sent: "2", send: [settings(["ENABLE_PUSH", 2])], expect: connectionError("PROTOCOL_ERROR") },
      { sent: "2^32-1", send: [settings(["ENABLE_PUSH", 2 ** 32 - 1])], expect: connectionError("PROTOCOL_ERROR") },
      {
        sent: "2, in the preface",
        fromPreface: true,
        send: [preface, settings(["ENABLE_PUSH", 2])],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      { sent: "0", send: [settings(["ENABLE_PUSH", 0]), unary(1, "a")], expect: served("a") },
      { sent: "1", send: [settings(["ENABLE_PUSH", 1]), unary(1, "a")], expect: served("a") },
    ],
  },
  {
    section: "6.5.2",
    sentence:
      "SETTINGS_INITIAL_WINDOW_SIZE … Values above the maximum flow-control window size of 2^31-1 MUST be treated as a " +
      "connection error of type FLOW_CONTROL_ERROR",
    cases: [
      {
        sent: "2^31",
        send: [settings(["INITIAL_WINDOW_SIZE", 2 ** 31])],
        expect: connectionError("FLOW_CONTROL_ERROR"),
      },
      {
        sent: "2^32-1",
        send: [settings(["INITIAL_WINDOW_SIZE", 2 ** 32 - 1])],
        expect: connectionError("FLOW_CONTROL_ERROR"),
      },
      {
        sent: "2^31, before one that is allowed",
        send: [settings(["INITIAL_WINDOW_SIZE", 2 ** 31], ["INITIAL_WINDOW_SIZE", 1])],
        expect: connectionError("FLOW_CONTROL_ERROR"),
      },
      { sent: "2^31-1", send: [settings(["INITIAL_WINDOW_SIZE", 2 ** 31 - 1]), unary(1, "a")], expect: served("a") },
    ],
  },
  {
    section: "6.5.2",
    sentence:
      "SETTINGS_MAX_FRAME_SIZE … Values outside this range [2^14 to 2^24-1] MUST be treated as a connection error of type " +
      "PROTOCOL_ERROR",
    cases: [
      { sent: "2^14-1", send: [settings(["MAX_FRAME_SIZE", 2 ** 14 - 1])], expect: connectionError("PROTOCOL_ERROR") },
      { sent: "2^24", send: [settings(["MAX_FRAME_SIZE", 2 ** 24])], expect: connectionError("PROTOCOL_ERROR") },
      { sent: "0", send: [settings(["MAX_FRAME_SIZE", 0])], expect: connectionError("PROTOCOL_ERROR") },
      { sent: "2^14", send: [settings(["MAX_FRAME_SIZE", 2 ** 14]), unary(1, "a")], expect: served("a") },
      { sent: "2^24-1", send: [settings(["MAX_FRAME_SIZE", 2 ** 24 - 1]), unary(1, "a")], expect: served("a") },
    ],
  },
  {
    section: "6.5.2",
    sentence: "A value of 0 for SETTINGS_MAX_CONCURRENT_STREAMS SHOULD NOT be treated as special by endpoints",
    cases: [{ sent: "0", send: [settings(["MAX_CONCURRENT_STREAMS", 0]), unary(1, "a")], expect: served("a") }],
  },
  {
    section: "6.5.2",
    sentence: "SETTINGS_HEADER_TABLE_SIZE … The encoder can select any size equal to or less than this value",
    cases: [
      {
        sent: "0",
        send: [settings(["HEADER_TABLE_SIZE", 0]), unary(1, "a"), unary(3, "b")],
        expect: all(served("a"), served("b", 3)),
      },
      {
        sent: "2^32-1",
        send: [settings(["HEADER_TABLE_SIZE", 2 ** 32 - 1]), unary(1, "a"), unary(3, "b")],
        expect: all(served("a"), served("b", 3)),
      },
    ],
  },
  {
    section: "6.5.2",
    sentence: "SETTINGS_MAX_HEADER_LIST_SIZE … This advisory setting informs a peer of the maximum field section size",
    cases: [{ sent: "16,384", send: [settings(["MAX_HEADER_LIST_SIZE", 16_384]), unary(1, "a")], expect: served("a") }],
  },
  {
    section: "6.5.2",
    sentence:
      "An endpoint that receives a SETTINGS frame with any unknown or unsupported identifier MUST ignore that setting",
    cases: [
      { sent: "0", send: [settings([0, 1]), unary(1, "a")], expect: served("a") },
      { sent: "7", send: [settings([7, 1]), unary(1, "a")], expect: served("a") },
      { sent: "0xffff", send: [settings([0xffff, 2 ** 32 - 1]), unary(1, "a")], expect: served("a") },
      {
        sent: "between two that are known",
        send: [settings(["INITIAL_WINDOW_SIZE", 0], [0xfa, 7], ["INITIAL_WINDOW_SIZE", 1_000]), unary(1, "a")],
        expect: served("a"),
      },
    ],
  },
  {
    section: "6.5.3",
    sentence:
      "Once all values have been processed, the recipient MUST immediately emit a SETTINGS frame with the ACK flag set",
    cases: [
      {
        sent: "an empty one, and one with settings",
        send: [settings(), settings(["MAX_FRAME_SIZE", 20_000]), ping()],
        expect: async (client) => {
          await client.next("SETTINGS", { ack: true });
          await client.next("SETTINGS", { ack: true });
          await client.next("PING", { ack: true });
        },
      },
      {
        sent: "an acknowledgment, which is not acknowledged",
        send: [settings(), ping()],
        expect: async (client) => {
          await client.next("PING", { ack: true });
          const acks = client.received.filter(({ type, flags: bits }) => type === "SETTINGS" && bits & flags.ACK);
          assert.equal(acks.length, 2, "of the preface's SETTINGS, and of these");
        },
      },
    ],
  },
  {
    section: "6.5.3",
    sentence: "The values in the SETTINGS frame MUST be processed in the order they appear",
    cases: [
      {
        sent: "SETTINGS_INITIAL_WINDOW_SIZE 100, then 1",
        send: [settings(["INITIAL_WINDOW_SIZE", 100], ["INITIAL_WINDOW_SIZE", 1]), unary(1, "a")],
        expect: async (client) => {
          assert.equal((await client.next("DATA", { stream: 1 })).payload.length, 1);
        },
      },
    ],
  },
];
