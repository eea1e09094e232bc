import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { createRpcServer } from "../../../server/rpc-server.ts";
import { createGrpcJsServer } from "../../../testing/grpc-js/grpc-js-server.ts";
import { framed, openRawConnection } from "../../../testing/raw-call.ts";
import type { CreateServer } from "../open-test-server.ts";
import { callOnTheWire } from "../wire-call.ts";
import { ScriptedDefinition, scriptedService } from "./scripted-service.ts";

/**
 * What no gRPC client sends. An answer is HTTP's status and gRPC's. Sources: PROTOCOL-HTTP2.md and compression.md in
 * https://github.com/grpc/grpc/tree/master/doc
 */
interface IrregularCall {
  readonly what: string;
  readonly to?: "Unary" | "Upload";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  readonly answer: string;
  /** Where grpc-js answers otherwise, and why we do not. */
  readonly grpcJs?: { readonly answer: string; readonly yet: string };
}

const empty = framed(Buffer.alloc(0));
const gzip = { "grpc-encoding": "gzip" };
const compressed = framed(gzipSync(Buffer.alloc(0)), true);
const wholeMessage =
  "a request that breaks off is an error, whatever came before: PROTOCOL-HTTP2.md, Length-Prefixed-Message";
const knownEncoding = "a caller who announces what cannot be read is told at once, as Go's server does";
const timeoutForm = "TimeoutValue is at most 8 digits: PROTOCOL-HTTP2.md, Requests";
const contentType = "anything but application/grpc, with + or ; after it, is another protocol";

const calls: readonly IrregularCall[] = [
  { what: "no message for a method that takes one", body: Buffer.alloc(0), answer: "200 12" },
  { what: "two messages for it", body: Buffer.concat([empty, empty]), answer: "200 12" },
  { what: "no message for a request stream", to: "Upload", body: Buffer.alloc(0), answer: "200 0" },
  {
    what: "an end within a prefix",
    body: empty.subarray(0, 3),
    answer: "200 13",
    grpcJs: { answer: "200 12", yet: wholeMessage },
  },
  {
    what: "an end within a prefix after a whole message",
    body: Buffer.concat([empty, empty.subarray(0, 3)]),
    answer: "200 13",
    grpcJs: { answer: "200 0", yet: wholeMessage },
  },
  {
    what: "an end within a message of a stream",
    to: "Upload",
    body: framed(Buffer.alloc(10)).subarray(0, 9),
    answer: "200 13",
    grpcJs: { answer: "200 0", yet: wholeMessage },
  },
  {
    what: "a compressed message without a word on how",
    body: compressed,
    answer: "200 13",
    grpcJs: { answer: "200 3", yet: "INTERNAL is demanded: compression.md, Test cases" },
  },
  {
    what: "a compressed message that is said not to be",
    headers: { "grpc-encoding": "identity" },
    body: compressed,
    answer: "200 13",
    grpcJs: { answer: "200 3", yet: "INTERNAL is demanded: compression.md, Test cases" },
  },
  { what: "an unknown encoding", headers: { "grpc-encoding": "snappy" }, body: compressed, answer: "200 12" },
  {
    what: "an unknown encoding that is not used",
    headers: { "grpc-encoding": "snappy" },
    answer: "200 12",
    grpcJs: { answer: "200 0", yet: knownEncoding },
  },
  { what: "what is no gzip", headers: gzip, body: framed(Buffer.from("no gzip"), true), answer: "200 13" },
  { what: "half a gzip", headers: gzip, body: framed(gzipSync("half").subarray(0, 12), true), answer: "200 13" },
  { what: "a gzip of two members", headers: gzip, body: framed(gzipTwice(), true), answer: "200 0" },
  { what: "a gzip with something after it", headers: gzip, body: framed(gzipAnd("x"), true), answer: "200 13" },
  { what: "a compressed nothing", headers: gzip, body: framed(Buffer.alloc(0), true), answer: "200 13" },
  { what: "a bomb", headers: gzip, body: framed(gzipSync(Buffer.alloc(8_000_000)), true), answer: "200 8" },
  {
    what: "a prefix that is neither 0 nor 1",
    body: Buffer.from([2, 0, 0, 0, 0]),
    answer: "200 13",
    grpcJs: { answer: "200 0", yet: "Compressed-Flag is 0 or 1: PROTOCOL-HTTP2.md, Requests" },
  },
  { what: "a timeout without a unit", headers: { "grpc-timeout": "1" }, answer: "200 13" },
  { what: "a timeout without a number", headers: { "grpc-timeout": "S" }, answer: "200 13" },
  { what: "the longest timeout", headers: { "grpc-timeout": "99999999H" }, answer: "200 0" },
  {
    what: "a timeout of nine digits",
    headers: { "grpc-timeout": "123456789S" },
    answer: "200 13",
    grpcJs: { answer: "200 0", yet: timeoutForm },
  },
  {
    what: "a timeout below zero",
    headers: { "grpc-timeout": "-1S" },
    answer: "200 13",
    grpcJs: { answer: "200 0", yet: timeoutForm },
  },
  {
    what: "metadata with blanks around it",
    headers: { "x-test": " a ", "grpc-timeout": "5S " },
    answer: "200 0",
  },
  {
    what: "40 KB of metadata",
    headers: { "x-test": "a".repeat(40_000) },
    answer: "200 8",
    grpcJs: { answer: "200 0", yet: "a call has 16 KiB of fields here" },
  },
  { what: "another content type", headers: { "content-type": "application/json" }, answer: "415" },
  { what: "a subtype of its own", headers: { "content-type": "application/grpc+json" }, answer: "200 0" },
  {
    what: "a content type that only begins alike",
    headers: { "content-type": "application/grpc-web" },
    answer: "415",
    grpcJs: { answer: "200 0", yet: contentType },
  },
  {
    what: "another HTTP method",
    headers: { ":method": "PUT" },
    answer: "405",
    grpcJs: { answer: "200 0", yet: "Method is POST: PROTOCOL-HTTP2.md, Requests" },
  },
];

for (const { what, to = "Unary", headers = {}, body = empty, answer, grpcJs } of calls) {
  const asGrpcJs = grpcJs === undefined ? "as grpc-js does" : `unlike grpc-js, since ${grpcJs.yet}`;
  test(`${what} is answered by ${answer}, ${asGrpcJs}`, async (t) => {
    const call = { path: `/${ScriptedDefinition.fullName}/${to}`, headers, pieces: [body] };
    assert.equal(await answerOf(t, createRpcServer, call), answer);
    assert.equal(await answerOf(t, createGrpcJsServer, call), grpcJs?.answer ?? answer);
  });
}

async function answerOf(
  t: TestContext,
  create: CreateServer,
  call: Parameters<typeof callOnTheWire>[1],
): Promise<string> {
  const server = create({ services: [scriptedService()] });
  const session = openRawConnection(t, await server.listen({ host: "127.0.0.1", port: 0 }));
  t.after(() => server.drain(0));
  const { headers, trailers } = await callOnTheWire(session, call);
  return [headers[":status"], trailers["grpc-status"]].filter((status) => status !== undefined).join(" ");
}

function gzipTwice(): Buffer {
  return Buffer.concat([gzipSync(Buffer.alloc(0)), gzipSync(Buffer.alloc(0))]);
}

function gzipAnd(text: string): Buffer {
  return Buffer.concat([gzipSync(Buffer.alloc(0)), Buffer.from(text)]);
}

test("a caller that uses an unknown encoding is told the known ones", async (t) => {
  const server = createRpcServer({ services: [scriptedService()] });
  const session = openRawConnection(t, await server.listen({ host: "127.0.0.1", port: 0 }));
  t.after(() => server.drain(0));
  const path = `/${ScriptedDefinition.fullName}/Unary`;
  const { headers } = await callOnTheWire(session, {
    path,
    headers: { "grpc-encoding": "snappy" },
    pieces: [compressed],
  });
  assert.match(String(headers["grpc-accept-encoding"]), /\bgzip\b/);
});
