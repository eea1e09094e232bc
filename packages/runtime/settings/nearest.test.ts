import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "./nearest.ts";

const known = ["session-ttl", "shards", "grpc-addr", "help"];

test("a slip of the fingers is understood: letters too many, too few, wrong or swapped", () => {
  assert.equal(nearest("sesssion-ttl", known), "session-ttl");
  assert.equal(nearest("shard", known), "shards");
  assert.equal(nearest("grcp-addr", known), "grpc-addr");
  assert.equal(nearest("hlep", known), "help");
});

test("what is like nothing is not guessed at", () => {
  assert.equal(nearest("colour", known), undefined);
  assert.equal(nearest("", known), undefined);
  assert.equal(nearest("help", []), undefined);
});
