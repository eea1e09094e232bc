import assert from "node:assert/strict";
import { test } from "node:test";
import { StreamError } from "../connection/stream-end.ts";
import { HeaderField } from "../hpack/header-field.ts";
import { ByteQueue } from "./byte-queue.ts";
import { classifyField } from "./field-rules.ts";
import { checkRequest, checkTrailers } from "./request-rules.ts";

type Pair = [string, string];
const request: Pair[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/a.B/C"],
];

function fieldsOf(pairs: readonly Pair[]): HeaderField[] {
  return pairs.map(([name, value]) => {
    const field = new HeaderField(name, value);
    classifyField(field);
    return field;
  });
}

test("a request is what RFC 9113 §8 calls well-formed", () => {
  assert.equal(checkRequest(fieldsOf([...request, [":authority", "x"], ["te", "trailers"], ["x-empty", ""]])), -1);
  assert.equal(checkRequest(fieldsOf([...request, ["content-length", "12"], ["content-length", "12"]])), 12);
  assert.equal(
    checkRequest(
      fieldsOf([
        [":method", "CONNECT"],
        [":authority", "x:1"],
      ]),
    ),
    -1,
  );
  const malformed: Record<string, Pair[]> = {
    "upper case": [...request, ["X-Trace", "a"]],
    "no name": [...request, ["", "a"]],
    "a colon in a name": [...request, ["a:b", "c"]],
    "a space in a name": [...request, ["a b", "c"]],
    "a line break in a value": [...request, ["a", "b\nc"]],
    "a NUL in a value": [...request, ["a", "b\0c"]],
    "a line break around a value": [...request, ["a", "b \n"]],
    "a blank after a pseudo-field": request.map(([name, value]) => [name, name === ":path" ? `${value} ` : value]),
    "a field of the connection": [...request, ["connection", "close"]],
    "te other than trailers": [...request, ["te", "gzip"]],
    "a response's field": [...request, [":status", "200"]],
    "an unknown pseudo-field": [...request, [":protocol", "websocket"]],
    "a pseudo-field after others": [
      [":method", "POST"],
      ["a", "b"],
      [":scheme", "http"],
      [":path", "/"],
    ],
    "a pseudo-field twice": [...request, [":path", "/"]],
    "a method that is no token": [[":method", "PO ST"], ...request.slice(1)],
    "an authority with a user": [...request, [":authority", "ann@x"]],
    "a host that is not the authority": [...request, [":authority", "x"], ["host", "y"]],
    "a path that does not begin with a slash": [...request.slice(0, 2), [":path", "a.B/C"]],
    "CONNECT with a path": [
      [":method", "CONNECT"],
      [":authority", "x"],
      [":path", "/"],
    ],
    "CONNECT without an authority": [[":method", "CONNECT"]],
    "an empty path": [
      [":method", "POST"],
      [":scheme", "http"],
      [":path", ""],
    ],
    "no method": request.slice(1),
    "no path": request.slice(0, 2),
    "two content-lengths": [...request, ["content-length", "1"], ["content-length", "2"]],
    "a content-length that is no number": [...request, ["content-length", "1e3"]],
  };
  for (const [what, pairs] of Object.entries(malformed)) {
    assert.throws(() => checkRequest(fieldsOf(pairs)), StreamError, what);
  }
});

test("trailers hold no pseudo-fields", () => {
  checkTrailers(fieldsOf([["x-checksum", "1"]]));
  for (const pair of [
    [":path", "/"],
    ["X", "1"],
  ] as Pair[]) {
    assert.throws(() => checkTrailers(fieldsOf([pair])), StreamError);
  }
});

test("bytes leave a queue in the order in which they came, in pieces of any length", () => {
  const queue = new ByteQueue();
  let expected = "";
  for (let count = 0; count < 200; count++) {
    const text = "x".repeat(count % 7) + count;
    queue.push(Buffer.from(text));
    expected += text;
  }
  let taken = "";
  const target = Buffer.alloc(64);
  for (let turn = 0; queue.bytes > 0; turn++) {
    const length = Math.min(queue.bytes, 1 + (turn % 31));
    queue.take(length, target, 3);
    taken += target.toString("latin1", 3, 3 + length);
  }
  assert.equal(taken, expected);
});
