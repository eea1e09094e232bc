import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeEnvelope } from "../codec.ts";
import { sampleReset, sampleTransition } from "../testing/sample-transition.ts";
import { recordOf, resetRecordOf } from "./record.ts";

test("a record has the user as key, the envelope as value, and CloudEvents headers in binary mode", () => {
  const transition = sampleTransition({ userId: "ключ" });
  const record = recordOf(transition, "/realchat/presence");
  assert.equal(record.key.toString(), "ключ");
  assert.deepEqual(record.value, encodeEnvelope(transition));
  const headers = [...record.headers].map(([key, value]) => [key.toString(), value.toString()]);
  assert.deepEqual(Object.fromEntries(headers), {
    ce_specversion: "1.0",
    ce_id: "11:1790000000123456",
    ce_source: "/realchat/presence",
    ce_type: "realchat.presence.v1.UserOnline",
    ce_time: "2026-09-21T14:13:20.123456Z",
    ce_subject: "ключ",
    "content-type": "application/protobuf",
  });
  const bytes = [record.key, record.value, ...[...record.headers].flat()].reduce((sum, { length }) => sum + length, 0);
  assert.equal(record.size, bytes);
});

test("a transition that is traced says by what, as its size does", () => {
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const [plain, traced] = [{}, { traceparent }].map((trace) => recordOf(sampleTransition(trace), "/x"));
  const headers = [...(traced?.headers ?? [])].map(([key, value]) => [key.toString(), value.toString()]);
  assert.equal(Object.fromEntries(headers).traceparent, traceparent);
  assert.equal((traced?.size ?? 0) - (plain?.size ?? 0), "traceparent".length + traceparent.length);
});

test("a reset has no key and no subject: it is about no user, and goes to every partition", () => {
  const reset = sampleReset();
  const record = resetRecordOf(reset, "/realchat/presence");
  assert.equal("key" in record, false);
  assert.deepEqual(record.value, encodeEnvelope(reset));
  const headers = [...record.headers].map(([key, value]) => [key.toString(), value.toString()]);
  assert.deepEqual(Object.fromEntries(headers), {
    ce_specversion: "1.0",
    ce_id: "11:1790000000123457",
    ce_source: "/realchat/presence",
    ce_type: "realchat.presence.v1.PresenceReset",
    ce_time: "2026-09-21T14:13:20.123457Z",
    "content-type": "application/protobuf",
  });
});
