import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthenticationError, MultipleErrors, NetworkError, ResponseError } from "@platformatic/kafka";
import { isTooLarge, kafkaFailureOf } from "./failure.ts";

test("a failure names the broker's error, once, and carries nothing of the client's own error", () => {
  const produce = 0;
  const response = { secret: "not for logs" };
  const error = new ResponseError(produce, 11, { "/0": [10, null], "/1": [10, null] }, response);
  const failure = kafkaFailureOf(new MultipleErrors("Producing messages failed.", [error]));
  assert.match(failure.message, /^MESSAGE_TOO_LARGE: The request included a message larger than/);
  assert.deepEqual(failure.brokerErrors, ["MESSAGE_TOO_LARGE"]);
  assert.equal(failure.cause, undefined);
  assert.equal(isTooLarge(failure), true);
  assert.equal(kafkaFailureOf(failure), failure);
});

test("a failure to connect says where, and what the system said", () => {
  const refused = new NetworkError("Connection to kafka-1:9092 failed.", { cause: new Error("connect ECONNREFUSED") });
  const failure = kafkaFailureOf(new MultipleErrors("Cannot connect to any broker.", [refused]));
  assert.equal(failure.message, "Connection to kafka-1:9092 failed: connect ECONNREFUSED");
  assert.equal(isTooLarge(failure), false);
});

test("a refused login says so", () => {
  const cause = new MultipleErrors("…", [new Error("invalid credentials")]);
  const failure = kafkaFailureOf(new AuthenticationError("SASL authentication failed.", { cause }));
  assert.equal(failure.message, "SASL authentication failed: invalid credentials");
});
