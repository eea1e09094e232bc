import assert from "node:assert/strict";
import { readAnswer } from "../../testing/raw-http2/answer.ts";
import { type Field, fieldBlock, indexed, literal } from "../../testing/raw-http2/field-block.ts";
import { continuation, headers, pushPromise } from "../../testing/raw-http2/frames.ts";
import { all, answered, connectionError, malformed, served, streamError } from "./reactions.ts";
import type { Case, Requirement } from "./requirement.ts";
import { atOnce, head, headAnd, headWith, headWithout, messageOf, open, request, unary } from "./texts.ts";

const block = fieldBlock(head());
const uploadPath = "/test.v1.Texts/Upload";

/** RFC 9113 §8.1: what a message is. */
const messages: readonly Requirement[] = [
  {
    section: "8.1",
    sentence: "A server sends an HTTP response on the same stream as the request",
    cases: [
      { sent: "a call", send: [unary(1, "hello")], expect: served("hello") },
      ...["GET", "HEAD", "PUT", "DELETE"].map((method) => ({
        sent: `a ${method} request`,
        send: [headers(1, fieldBlock(strange(method, "/")), { end: true })],
        expect: answered(),
      })),
      {
        sent: "three at once",
        send: [unary(1, "a"), unary(3, "b"), unary(5, "c")],
        expect: async (client) => {
          const open = new Set([1, 3, 5]);
          while (open.size > 0) {
            const { stream, fields } = await client.next("HEADERS");
            if (fields?.some(([name, value]) => name === "grpc-status" && value === "0")) open.delete(stream);
          }
        },
      },
    ],
  },
  {
    section: "8.1",
    sentence: "Trailer fields are carried in a field block that also terminates the stream",
    cases: [
      { sent: "trailers after content", send: withTrailers([["x-trailer", "1"]]), expect: served("a") },
      { sent: "an empty trailer section", send: withTrailers([]), expect: served("a") },
      {
        sent: "trailers instead of content",
        send: [open(1), headers(1, fieldBlock([["x-trailer", "1"]]), { end: true })],
        expect: served(""),
      },
    ],
  },
  {
    section: "8.1",
    sentence:
      "An endpoint that receives a HEADERS frame without the END_STREAM flag set after receiving the HEADERS frame that opens " +
      "a request … MUST treat the corresponding request … as malformed",
    cases: [
      {
        sent: "trailers after content",
        send: [open(1), request(1, "a"), headers(1, fieldBlock([["x-trailer", "1"]]))],
        expect: malformed(),
      },
      {
        sent: "the head again",
        send: [open(1), headers(1, block), request(1, "a", { end: true })],
        expect: malformed(),
      },
      {
        sent: "the same, with CONTINUATION",
        send: [open(1), headers(1, "", { endHeaders: false }), continuation(1, fieldBlock([["x-trailer", "1"]]))],
        expect: malformed(),
      },
    ],
  },
  {
    section: "8.1",
    sentence:
      "An endpoint that receives pseudo-header fields in trailers MUST treat the request or response as malformed",
    cases: [
      { sent: ":method", send: withTrailers([[":method", "POST"]]), expect: malformed() },
      {
        sent: ":path after another field",
        send: withTrailers([
          ["x-trailer", "1"],
          [":path", "/"],
        ]),
        expect: malformed(),
      },
      {
        sent: ":path, by its index in the static table",
        send: [open(1), headers(1, indexed(4), { end: true })],
        expect: malformed(),
      },
      {
        sent: ":path, by the entry of the dynamic table that the head used",
        send: [
          headers(
            1,
            Buffer.concat([
              fieldBlock(headWithout(":path").slice(0, 2)),
              literal("incremental", 4, uploadPath),
              fieldBlock(headWithout(":path").slice(2)),
            ]),
          ),
          headers(1, indexed(62), { end: true }),
        ],
        expect: malformed(),
      },
      { sent: ":status", send: withTrailers([[":status", "200"]]), expect: malformed() },
    ],
  },
  {
    section: "8.1",
    sentence:
      "a server MAY request that the client abort transmission of a request without error by sending a RST_STREAM with an " +
      "error code of NO_ERROR after sending a complete response",
    cases: [
      {
        sent: "a request that is answered before its end",
        send: [open(1), request(1, atOnce)],
        expect: async (client) => {
          assert.equal((await readAnswer(client, 1)).fields.get("grpc-status"), "0");
          await streamError("NO_ERROR")(client);
        },
      },
    ],
  },
  {
    section: "8.1.1",
    sentence:
      "A request or response is also malformed if the value of a content-length header field does not equal the sum of the " +
      "DATA frame payload lengths that form the content",
    cases: [
      { sent: "less than that", send: [unary(1, "abc", headAnd("content-length", "3"))], expect: malformed() },
      { sent: "more than that", send: [unary(1, "abc", headAnd("content-length", "100"))], expect: malformed() },
      {
        sent: "1, in a request without content",
        send: [headers(1, fieldBlock(headAnd("content-length", "1")), { end: true })],
        expect: malformed(),
      },
      { sent: "0, in one with content", send: [unary(1, "abc", headAnd("content-length", "0"))], expect: malformed() },
      {
        sent: "less than two frames have",
        send: [
          headers(1, fieldBlock([...head("Upload"), ["content-length", String(messageOf("abc").length)]])),
          request(1, "abc"),
          request(1, "def", { end: true }),
        ],
        expect: malformed(),
      },
      {
        sent: "more than what comes before trailers",
        send: [
          headers(1, fieldBlock([...head("Upload"), ["content-length", "100"]])),
          request(1, "abc"),
          headers(1, fieldBlock([["x-trailer", "1"]]), { end: true }),
        ],
        expect: malformed(),
      },
      { sent: "no number", send: [unary(1, "abc", headAnd("content-length", "many"))], expect: malformed() },
      { sent: "nothing", send: [unary(1, "abc", headAnd("content-length", ""))], expect: malformed() },
      {
        sent: "a number that no computer counts to",
        send: [unary(1, "abc", headAnd("content-length", "9".repeat(40)))],
        expect: malformed(),
      },
      { sent: "a negative number", send: [unary(1, "abc", headAnd("content-length", "-1"))], expect: malformed() },
      {
        sent: "a number with a sign",
        send: [unary(1, "abc", headAnd("content-length", `+${messageOf("abc").length}`))],
        expect: malformed(),
      },
      ...[true, false].map((rightFirst) => {
        const right: Field = ["content-length", String(messageOf("abc").length)];
        const wrong: Field = ["content-length", "3"];
        return {
          sent: `two that differ, the right one ${rightFirst ? "first" : "last"}`,
          send: [unary(1, "abc", [...head(), ...(rightFirst ? [right, wrong] : [wrong, right])])],
          expect: malformed(),
        };
      }),
      {
        sent: "the right one",
        send: [unary(1, "abc", headAnd("content-length", String(messageOf("abc").length)))],
        expect: served("abc"),
      },
      {
        sent: "the right one, with padding, which is no content",
        send: [
          headers(1, fieldBlock(headAnd("content-length", String(messageOf("abc").length)))),
          request(1, "abc", { padding: 50, end: true }),
        ],
        expect: served("abc"),
      },
    ],
  },
];

/** RFC 9113 §8.2: fields. */
const fields: readonly Requirement[] = [
  {
    section: "8.2",
    sentence: "Field names MUST be converted to lowercase when constructing an HTTP/2 message",
    cases: [
      malformedField("a name that begins with an uppercase letter", "X-test", "1"),
      malformedField("a name that ends with one", "x-tesT", "1"),
      { sent: "such a name in trailers", send: withTrailers([["X-Trailer", "1"]]), expect: malformed() },
    ],
  },
  {
    section: "8.2.1",
    sentence: "A field name MUST NOT contain characters in the ranges 0x00-0x20, 0x41-0x5a, or 0x7f-0xff",
    cases: [
      ...[0x00, 0x0a, 0x0d, 0x1f, 0x20, 0x41, 0x5a, 0x7f, 0x80, 0xff].map((code) =>
        malformedField(`0x${code.toString(16).padStart(2, "0")}`, `x-${String.fromCharCode(code)}-test`, "1"),
      ),
      { sent: "0x00 in trailers", send: withTrailers([["x-\0", "1"]]), expect: malformed() },
    ],
  },
  {
    section: "8.2.1",
    sentence: "field names MUST NOT include a colon",
    cases: [
      malformedField("a colon in the middle", "x:test", "1"),
      malformedField("a colon at the end", "x-test:", "1"),
    ],
  },
  {
    section: "8.2.1",
    sentence:
      "treat messages that contain prohibited characters as malformed (RFC 9110 §5.1: a name is a token, of one character at least)",
    cases: [malformedField("an empty name", "", "1"), malformedField("a name with a slash", "x/test", "1")],
  },
  {
    section: "8.2.1",
    sentence: "A field value MUST NOT contain the zero value, line feed, or carriage return at any position",
    cases: [
      ...[0x00, 0x0a, 0x0d].flatMap((code) => {
        const character = String.fromCharCode(code);
        const name = `0x${code.toString(16).padStart(2, "0")}`;
        return [
          malformedField(`${name} at the beginning`, "x-test", `${character}a`),
          malformedField(`${name} in the middle`, "x-test", `a${character}b`),
          malformedField(`${name} at the end`, "x-test", `a${character}`),
        ];
      }),
      {
        sent: "0x00 in :path",
        send: [unary(1, "a", headWith(":path", "/test.v1.Texts/Unary\0"))],
        expect: malformed(),
      },
      {
        sent: "0x00 in an entry of the dynamic table, which two calls use",
        send: [
          headers(1, Buffer.concat([block, literal("incremental", "x-test", "a\0")])),
          headers(3, Buffer.concat([block, indexed(62)])),
        ],
        expect: malformed(1, 3),
      },
      { sent: "0x0a in trailers", send: withTrailers([["x-trailer", "a\nb"]]), expect: malformed() },
    ],
  },
  {
    section: "8.2.1",
    sentence:
      "A field value MUST NOT start or end with an ASCII whitespace character; gRPC over HTTP2, ASCII-Value: if it does, " +
      "this may be stripped, and RFC 9110 §5.5 excludes it from the value",
    cases: [
      ...[" b", "b ", "\tb", "b\t", " \t b\t \t"].map((value) => ({
        sent: JSON.stringify(value),
        send: [unary(1, "a", headAnd("x-test", value))],
        expect: served("ab"),
      })),
      { sent: "nothing but SP", send: [unary(1, "a", headAnd("x-test", "   "))], expect: served("a") },
      {
        sent: "SP at the end, in an entry of the dynamic table, which two calls use",
        send: [
          headers(1, Buffer.concat([block, literal("incremental", "x-test", "b ")])),
          request(1, "a", { end: true }),
          headers(3, Buffer.concat([block, indexed(62)])),
          request(3, "a", { end: true }),
        ],
        expect: all(served("ab"), served("ab", 3)),
      },
      ...[
        ["te", "trailers "],
        ["content-type", "application/grpc\t"],
      ].map(([name = "", value = ""]) => ({
        sent: `${name} with a blank at its end`,
        send: [unary(1, "a", headWith(name, value))],
        expect: served("a"),
      })),
      ...[
        ["grpc-timeout", " 10S "],
        ["grpc-accept-encoding", "identity, gzip "],
        ["content-length", ` ${messageOf("a").length} `],
        ["host", " localhost"],
      ].map(([name = "", value = ""]) => ({
        sent: `${name} with a blank at its end`,
        send: [unary(1, "a", headAnd(name, value))],
        expect: served("a"),
      })),
      { sent: "SP at the end of a trailer", send: withTrailers([["x-trailer", "1 "]]), expect: served("a") },
      ...["127.0.0.1 ", " 127.0.0.1"].map((value) => ({
        sent: `:authority ${JSON.stringify(value)}`,
        send: [unary(1, "a", headWith(":authority", value))],
        expect: malformed(),
      })),
      {
        sent: ":path with SP at its end",
        send: [unary(1, "a", headWith(":path", "/test.v1.Texts/Unary "))],
        expect: malformed(),
      },
      { sent: "SP in the middle", send: [unary(1, "a", headAnd("x-test", "b c"))], expect: served("ab c") },
      { sent: "an empty value", send: [unary(1, "a", headAnd("x-test", ""))], expect: served("a") },
    ],
  },
  {
    section: "8.2.2",
    sentence: "Any message containing connection-specific header fields MUST be treated as malformed",
    cases: [
      malformedField("connection", "connection", "close"),
      malformedField("proxy-connection", "proxy-connection", "keep-alive"),
      malformedField("keep-alive", "keep-alive", "timeout=5"),
      malformedField("transfer-encoding", "transfer-encoding", "chunked"),
      malformedField("upgrade", "upgrade", "h2c"),
      {
        sent: "transfer-encoding, by its index in the static table",
        send: [headers(1, Buffer.concat([block, indexed(57)]))],
        expect: malformed(),
      },
      {
        sent: "connection, in an entry of the dynamic table, and it in trailers of another call",
        send: [
          headers(1, Buffer.concat([block, literal("incremental", "connection", "close")])),
          open(3),
          headers(3, indexed(62), { end: true }),
        ],
        expect: malformed(1, 3),
      },
      { sent: "connection in trailers", send: withTrailers([["connection", "close"]]), expect: malformed() },
    ],
  },
  {
    section: "8.2.2",
    sentence:
      'The only exception to this is the TE header field …; when it is, it MUST NOT contain any value other than "trailers"',
    cases: [
      { sent: "gzip", send: [unary(1, "a", headWith("te", "gzip"))], expect: malformed() },
      { sent: "trailers and gzip", send: [unary(1, "a", headWith("te", "trailers, gzip"))], expect: malformed() },
    ],
  },
  {
    section: "8.2.3",
    sentence: "the Cookie header field MAY be split into separate header fields",
    cases: [
      {
        sent: "two of them",
        send: [unary(1, "a", [...headAnd("cookie", "a=1"), ["cookie", "b=2"]])],
        expect: served("a"),
      },
    ],
  },
];

/** RFC 9113 §8.3: pseudo-header fields. */
const pseudoFields: readonly Requirement[] = [
  {
    section: "8.3",
    sentence:
      "Endpoints MUST treat a request or response that contains undefined or invalid pseudo-header fields as malformed",
    cases: [
      pseudoBefore("an undefined one", ":test", "1"),
      pseudoBefore("one of responses", ":status", "200"),
      {
        sent: "one of responses, by its index in the static table",
        send: [headers(1, Buffer.concat([indexed(8), block]))],
        expect: malformed(),
      },
      pseudoBefore("one of an extension that nobody offered", ":protocol", "websocket"),
      pseudoBefore("one that is a colon alone", ":", "1"),
      pseudoBefore("an uppercase one", ":Method", "POST"),
    ],
  },
  {
    section: "8.3",
    sentence:
      "Any request or response that contains a pseudo-header field that appears in a field block after a regular field line " +
      "MUST be treated as malformed",
    cases: [":method", ":scheme", ":path", ":authority"].map((name) => {
      const value = head().find((field) => field[0] === name)?.[1] as string;
      return { sent: name, send: [unary(1, "a", [...headWithout(name), [name, value]])], expect: malformed() };
    }),
  },
  {
    section: "8.3",
    sentence:
      "A field block for an HTTP request or response that contains a repeated pseudo-header field name MUST be treated as malformed",
    cases: [":method", ":scheme", ":path", ":authority"].map((name) => {
      const repeated = head().filter((field) => field[0] === name);
      return { sent: name, send: [unary(1, "a", [...repeated, ...head()])], expect: malformed() };
    }),
  },
  {
    section: "8.3.1",
    sentence: "An HTTP request that omits mandatory pseudo-header fields is malformed",
    cases: [
      { sent: "no :method", send: [unary(1, "a", headWithout(":method"))], expect: malformed() },
      { sent: "no :scheme", send: [unary(1, "a", headWithout(":scheme"))], expect: malformed() },
      { sent: "no :path", send: [unary(1, "a", headWithout(":path"))], expect: malformed() },
      { sent: "an empty header section", send: [headers(1, "", { end: true })], expect: malformed() },
      {
        sent: "no :authority, which is not mandatory",
        send: [unary(1, "a", headWithout(":authority"))],
        expect: served("a"),
      },
      {
        sent: "host instead of :authority",
        send: [unary(1, "a", [...headWithout(":authority"), ["host", "localhost"]])],
        expect: served("a"),
      },
    ],
  },
  {
    section: "8.3.1",
    sentence:
      'All HTTP/2 requests MUST include exactly one valid value for the ":method", ":scheme", and ":path" pseudo-header fields',
    cases: [
      { sent: "an empty :method", send: [unary(1, "a", headWith(":method", ""))], expect: malformed() },
      { sent: "a :method that is no token", send: [unary(1, "a", headWith(":method", "PO ST"))], expect: malformed() },
      { sent: "an empty :scheme", send: [unary(1, "a", headWith(":scheme", ""))], expect: malformed() },
    ],
  },
  {
    section: "8.3.1",
    sentence: 'This pseudo-header field [":path"] MUST NOT be empty for "http" or "https" URIs',
    cases: [
      { sent: "an empty one", send: [unary(1, "a", headWith(":path", ""))], expect: malformed() },
      {
        sent: "one without a slash",
        send: [unary(1, "a", headWith(":path", "test.v1.Texts/Unary"))],
        expect: malformed(),
      },
    ],
  },
  {
    section: "8.3.1",
    sentence:
      'an OPTIONS request for an "http" or "https" URI that does not include a path component; these MUST include a ":path" pseudo-header field with a value of \'*\'',
    cases: [
      {
        sent: "OPTIONS *",
        send: [headers(1, fieldBlock(strange("OPTIONS", "*")), { end: true })],
        expect: answered(),
      },
    ],
  },
  {
    section: "8.3.1",
    sentence:
      "A server SHOULD treat a request as malformed if it contains a Host header field that identifies an entity that differs " +
      'from the entity in the ":authority" pseudo-header field',
    cases: [
      { sent: "another host", send: [unary(1, "a", headAnd("host", "elsewhere"))], expect: malformed() },
      { sent: "the same host", send: [unary(1, "a", headAnd("host", "localhost"))], expect: served("a") },
    ],
  },
  {
    section: "8.3.1",
    sentence: '":authority" MUST NOT include the deprecated userinfo subcomponent for "http" or "https" schemed URIs',
    cases: [
      { sent: "ann@localhost", send: [unary(1, "a", headWith(":authority", "ann@localhost"))], expect: malformed() },
    ],
  },
];

/** RFC 9113 §8.1 and §8.4 to §8.6: methods that are no calls. */
const otherMethods: readonly Requirement[] = [
  {
    section: "8.1.1",
    sentence: "204 or 304 responses contain no content, as does the response to a HEAD request",
    cases: [
      {
        sent: "HEAD of a method",
        send: [headers(1, fieldBlock(headWith(":method", "HEAD")), { end: true })],
        expect: async (client) => {
          assert.equal((await readAnswer(client, 1)).body.length, 0);
        },
      },
    ],
  },
  {
    section: "8.4",
    sentence: "servers MUST treat the receipt of a PUSH_PROMISE frame as a connection error of type PROTOCOL_ERROR",
    cases: [
      {
        sent: "on an open stream",
        send: [open(1), pushPromise(1, 2, block)],
        expect: connectionError("PROTOCOL_ERROR"),
      },
      {
        sent: "that promises a stream of the client's",
        send: [open(1), pushPromise(1, 3, block)],
        expect: connectionError("PROTOCOL_ERROR"),
      },
    ],
  },
  {
    section: "8.5",
    sentence:
      'The ":scheme" and ":path" pseudo-header fields MUST be omitted. … A CONNECT request that does not conform to these restrictions is malformed',
    cases: [
      { sent: "CONNECT with both", send: [unary(1, "a", headWith(":method", "CONNECT"))], expect: malformed() },
      {
        sent: "CONNECT without :authority",
        send: [headers(1, fieldBlock([[":method", "CONNECT"]]), { end: true })],
        expect: malformed(),
      },
      {
        sent: "CONNECT as it should be, of which a server that is no proxy says that it is none",
        send: [
          headers(
            1,
            fieldBlock([
              [":method", "CONNECT"],
              [":authority", "localhost:80"],
            ]),
            { end: true },
          ),
        ],
        expect: async (client) => {
          assert.match((await readAnswer(client, 1)).fields.get(":status") ?? "", /^[45]/);
        },
      },
    ],
  },
];

/** RFC 9113 §8. */
export const semantics: readonly Requirement[] = [...messages, ...fields, ...pseudoFields, ...otherMethods];

/** The header section of a request that is no call. */
function strange(method: string, path: string): readonly Field[] {
  return [
    [":method", method],
    [":scheme", "http"],
    [":path", path],
    [":authority", "localhost"],
  ];
}

/** A call of Upload whose request ends with these trailers. */
function withTrailers(trailers: readonly Field[]): Buffer[] {
  return [open(1), request(1, "a"), headers(1, fieldBlock(trailers), { end: true })];
}

function malformedField(sent: string, name: string, value: string): Case {
  return { sent, send: [unary(1, "a", headAnd(name, value))], expect: malformed() };
}

function pseudoBefore(sent: string, name: string, value: string): Case {
  return { sent, send: [unary(1, "a", [[name, value], ...head()])], expect: malformed() };
}
