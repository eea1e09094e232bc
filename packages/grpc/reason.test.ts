import assert from "node:assert/strict";
import { test } from "node:test";
import { reasonOf } from "./reason.ts";

// The words of grpc-js, Node and OpenSSL, as they came.
const around = (error: string) => `No connection established. Last error: ${error}. Resolution note: `;

test("of an explanation by grpc-js the last error is left, without what is for its developers", () => {
  for (const [details, reason] of [
    [around("connect ECONNREFUSED 127.0.0.1:1"), "connect ECONNREFUSED 127.0.0.1:1"],
    [around("Error: connect ECONNREFUSED 127.0.0.1:1"), "connect ECONNREFUSED 127.0.0.1:1"],
    [around("Protocol error (2026-11-29T22:16:02.779Z)"), "Protocol error"],
    [around("Error [ERR_TLS_CERT_ALTNAME_INVALID]: Host: a is not b: "), "Host: a is not b"],
    [
      around("self-signed certificate; if the root CA is installed locally, try running Node.js with --use-system-ca"),
      "self-signed certificate",
    ],
  ] as const) {
    assert.equal(reasonOf(details), reason);
  }
});

test("of an error of OpenSSL its reason is left", () => {
  const error = "40E7:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../deps/x.c:84:";
  assert.equal(reasonOf(around(error)), "wrong version number");
  assert.equal(reasonOf(error), "wrong version number");
});

test("what a server wrote stays as it is", () => {
  const words = "[INFO]: closed (2026-11-29T22:16:02.779Z): ";
  assert.equal(reasonOf(words), words);
});
