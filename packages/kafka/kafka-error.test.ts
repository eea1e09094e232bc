import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthenticationError, MultipleErrors, NetworkError, ResponseError, UserError } from "@platformatic/kafka";
import { KafkaError, kafkaErrorOf } from "./kafka-error.ts";

test("a failure names the broker's error, once, and carries nothing of the client's own error", () => {
  const produce = 0;
  const response = { secret: "not for logs" };
  const error = new ResponseError(produce, 11, { "/0": [10, null], "/1": [10, null] }, response);
  const failure = kafkaErrorOf(new MultipleErrors("Producing messages failed.", [error]));
  assert.match(failure.message, /^MESSAGE_TOO_LARGE: The request included a message larger than/);
  assert.deepEqual(failure.brokerErrors, ["MESSAGE_TOO_LARGE"]);
  assert.equal(failure.cause, undefined);
  assert.equal(failure.code, "TOO_LARGE");
  assert.equal(kafkaErrorOf(failure), failure);
});

test("a failure to connect says where, and what the system said", () => {
  const refused = new NetworkError("Connection to kafka-1:9092 failed.", { cause: new Error("connect ECONNREFUSED") });
  const failure = kafkaErrorOf(new MultipleErrors("Cannot connect to any broker.", [refused]));
  assert.equal(failure.message, "Connection to kafka-1:9092 failed: connect ECONNREFUSED");
  assert.equal(failure.code, "UNAVAILABLE");
});

test("a refused login says so", () => {
  const cause = new MultipleErrors("…", [new Error("invalid credentials")]);
  const failure = kafkaErrorOf(new AuthenticationError("SASL authentication failed.", { cause }));
  assert.equal(failure.message, "SASL authentication failed: invalid credentials");
});

test("a topic that does not exist is told apart from one of which a broker does not know yet", () => {
  const unknown = kafkaErrorOf(new MultipleErrors("Metadata failed.", [new UserError("Unknown topic a.b.")]));
  assert.equal(unknown.code, "NOT_FOUND");
  const listOffsets = 2;
  const transient = kafkaErrorOf(new ResponseError(listOffsets, 9, { "/0": [3, null] }, {}));
  assert.deepEqual(transient.brokerErrors, ["UNKNOWN_TOPIC_OR_PARTITION"]);
  assert.equal(transient.code, "UNAVAILABLE");
});

test("what is no error is told as a text", () => {
  const failure = kafkaErrorOf("broken");
  assert.ok(failure instanceof KafkaError);
  assert.equal(failure.message, "broken");
});
