import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, sensitiveHeaders } from "node:http2";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { type HeaderPair, sensitiveNames } from "./encoder.ts";
import { BlockExchange } from "./testing/block-exchange.ts";

/** Against the encoder and the decoder of Node.js, which are nghttp2's: each side reads what the other one wrote. */

/** What each side allows the other one's encoder to remember, and what it therefore has to say when that changes. */
const tables = [
  { ours: 4096, theirs: 4096 },
  { ours: 0, theirs: 0 },
  { ours: 100, theirs: 150 },
  { ours: 65_536, theirs: 65_536 },
];

const name = fc.oneof(
  fc.constantFrom(
    "grpc-timeout",
    "user-agent",
    "content-type",
    "etag",
    "server",
    "via",
    "x-request-id",
    "cache-control",
  ),
  fc.stringMatching(/^x-[a-z0-9_.~-]{0,30}$/),
);
/** Whatever HTTP lets through: RFC 9110 §5.5. */
const value = fc.oneof(
  fc.constantFrom("", "0", "application/grpc", "1S"),
  fc.stringMatching(/^[\x21-\x7e]{0,60}$/),
  fc.stringMatching(/^[\x21-\x7e\x80-\xff]([\x20-\x7e\x80-\xff]{0,200}[\x21-\x7e\x80-\xff])?$/),
  fc.nat(99_999_999).map((us) => `${us}u`),
  fc.integer({ min: 1, max: 3_000 }).map((length) => "long".repeat(length).slice(0, length)),
);
const fields = fc.uniqueArray(fc.tuple(name, value), { maxLength: 10, selector: ([name]) => name });
const exchange = fc.record({ request: fields, response: fields, hidden: fc.boolean() });

for (const { ours, theirs } of tables) {
  test(`sixty requests and their answers, tables of ${ours} and ${theirs} bytes`, async (t) => {
    const exchanges = fc.sample(exchange, { numRuns: 60, seed: seed() });
    const requests: (readonly HeaderPair[])[] = [];
    const server = await BlockExchange.open(ours, (request) => {
      const { response } = exchanges[requests.length] as (typeof exchanges)[number];
      requests.push(request);
      return [[":status", "200"], ...response];
    });
    t.after(() => server.close());
    const client = connect(server.url, { settings: { headerTableSize: theirs } });
    t.after(() => client.destroy());
    for (const { request, response, hidden } of exchanges) {
      const answer = await send(client, request, hidden);
      assert.deepEqual(
        requests.at(-1)?.filter(([name]) => !name.startsWith(":")),
        request,
      );
      assert.deepEqual(Object.entries(answer), [[":status", 200], ...response]);
      assert.deepEqual(
        (answer as SensitiveNames)[sensitiveHeaders],
        response.map(([name]) => name).filter((name) => sensitiveNames.has(name)),
      );
    }
  });
}

/** What Node.js says was never to be indexed; not typed. */
type SensitiveNames = { readonly [sensitiveHeaders]: string[] };

/** @param hidden whether all of its fields are sensitive, so that they are never indexed */
async function send(
  client: ClientHttp2Session,
  request: readonly HeaderPair[],
  hidden: boolean,
): Promise<IncomingHttpHeaders> {
  const sensitive = hidden ? request.map(([name]) => name) : [];
  const stream = client.request({
    ":method": "POST",
    ":path": "/package.Service/Method",
    ...Object.fromEntries(request),
    [sensitiveHeaders]: sensitive,
  });
  stream.end();
  const [answer] = await once(stream, "response");
  stream.resume();
  return answer;
}
