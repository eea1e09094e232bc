import assert from "node:assert/strict";
import { test } from "node:test";
import { reasonOf } from "@realchat/presence-grpc";
import { unreachable } from "./unreachable.ts";

// The words of grpc-js and Node, as they came. rpc-client.test.ts has what a server on this machine can bring about.
const encrypted = { address: "presence:50056", isEncrypted: true };

test("a certificate for another host: which, and what to do", () => {
  const details =
    "No connection established. Last error: Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match " +
    "certificate's altnames: IP: 127.0.0.1 is not in the cert's list: . Resolution note: ";
  assert.equal(
    unreachable(reasonOf(details), encrypted),
    "the certificate cannot be trusted at presence:50056 (Hostname/IP does not match certificate's altnames: IP: 127.0.0.1 is " +
      "not in the cert's list): it names another host: give an --addr that it names",
  );
});

test("a certificate that is out of date", () => {
  const details = "No connection established. Last error: certificate has expired. Resolution note: ";
  assert.match(
    unreachable(reasonOf(details), encrypted),
    /cannot be trusted .*\(certificate has expired\): have it renewed/,
  );
});

test("what grpc-js adds for its developers is left out", () => {
  const details = "No connection established. Last error: Protocol error (2026-11-29T22:16:02.779Z). Resolution note: ";
  assert.match(
    unreachable(reasonOf(details), { ...encrypted, isEncrypted: false }),
    /plain gRPC at presence:50056 \(Protocol error\): /,
  );
});

test("a name that nobody knows, and a port where nobody listens, are nobody there, encrypted or not", () => {
  for (const isEncrypted of [true, false]) {
    for (const reason of ["Name resolution failed for target dns:presence:50056", "connect ECONNREFUSED 127.0.0.1:1"]) {
      assert.match(
        unreachable(reasonOf(reason), { ...encrypted, isEncrypted }),
        /^no presence service answers at .*npm start/,
      );
    }
  }
});
