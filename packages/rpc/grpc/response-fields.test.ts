import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { metadataPair } from "./response-fields.ts";
import { encodeStatusMessage } from "./status-message.ts";
import { timeoutMsOf } from "./timeout.ts";

test("a status message survives percent-encoding, whatever it holds, up to its length", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(0x10ffff), { maxLength: 100 }), (codePoints) => {
      const message = String.fromCodePoint(...codePoints);
      const encoded = encodeStatusMessage(message);
      assert.match(encoded, /^[!-~]?([ -~]*[!-~])?$/);
      assert.equal(decodeURIComponent(encoded), message.toWellFormed());
    }),
    { seed: seed() },
  );
  assert.equal(encodeStatusMessage("plain: 1 < 2"), "plain: 1 < 2");
  assert.equal(encodeStatusMessage("100 % — là"), "100%20%25%20%E2%80%94%20l%C3%A0");
  assert.equal(encodeStatusMessage("x".repeat(5_000)).length, 1_000);
});

test("timeouts are at most eight digits and a unit", () => {
  const milliseconds = { "1H": 3_600_000, "2M": 120_000, "3S": 3_000, "99999999m": 99_999_999, "1500u": 1.5, "0n": 0 };
  for (const [text, expected] of Object.entries(milliseconds)) assert.equal(timeoutMsOf(text), expected, text);
  assert.ok(Math.abs((timeoutMsOf("250n") ?? 0) - 0.00025) < 1e-12);
  for (const text of ["", "S", "1", "1s", "123456789S", "-1S", "1.5S", " 1S", "1SS", "１S"]) {
    assert.equal(timeoutMsOf(text), undefined, JSON.stringify(text));
  }
});

test("metadata that HTTP/2 or gRPC would not carry is refused where it is written", () => {
  assert.deepEqual(metadataPair("x-trace", " a b "), ["x-trace", "a b"]);
  assert.deepEqual(metadataPair("x-id-bin", Buffer.from([0xfb, 0xff])), ["x-id-bin", "+/8"]);
  assert.deepEqual(metadataPair("x-id-bin", "é"), ["x-id-bin", "w6k"]);
  for (const key of ["", "X-Trace", "with space", ":path", "grpc-status", "ключ"]) {
    assert.throws(() => metadataPair(key, "x"), TypeError, key);
  }
  assert.throws(() => metadataPair("x-trace", "line\nbreak"), /printable ASCII/);
  assert.throws(() => metadataPair("x-trace", Buffer.from("x")), /ends in -bin/);
});
