import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { problemOf } from "../testing/problem-of.ts";
import { grpcPeer, isLoopback, listenAddress, peerAddress, showAddress } from "./address.ts";

describe("address", () => {
  test("a listener's may leave out the host, which means all interfaces", () => {
    for (const [text, host, port] of [
      ["127.0.0.1:50056", "127.0.0.1", 50056],
      [":50056", "", 50056],
      ["50056", "", 50056],
      ["[::1]:50056", "::1", 50056],
      ["[::]:0", "::", 0],
      ["my_host.local-1:80", "my_host.local-1", 80],
    ] as const) {
      assert.deepEqual(listenAddress.schema.parse(text), { host, port }, text);
    }
  });

  test("what is wrong is said", () => {
    const right = "give host:port, :port, port or [IPv6]:port, such as 127.0.0.1:50056";
    for (const [text, why] of [
      ["localhost", "is not an address"],
      ["localhost:", "is not an address"],
      ["::1:80", "is not an address"],
      ["http://localhost:80", "is not an address"],
      ["localhost:http", "is not an address"],
      ["[localhost]:80", "has no IPv6 address in its brackets"],
      ["a b:80", "has no valid host"],
      ["localhost:65536", "has the port 65536, outside 0 to 65535"],
    ] as const) {
      assert.equal(problemOf(listenAddress, text), `${why}: ${right}`, text);
    }
  });

  test("a peer's needs host and port", () => {
    const right = "give host:port or [IPv6]:port";
    assert.deepEqual(peerAddress.schema.parse("cache:6379"), { host: "cache", port: 6379 });
    assert.equal(problemOf(peerAddress, ":6379"), `has no host: ${right}`);
    assert.equal(problemOf(peerAddress, "6379"), `has no host: ${right}`);
    assert.equal(problemOf(peerAddress, "cache:0"), `has the port 0, outside 1 to 65535: ${right}`);
  });

  test("a gRPC peer's may say that its name is looked up", () => {
    for (const text of ["presence:50056", "dns:///presence:50056", "dns:presence:50056"]) {
      assert.deepEqual(grpcPeer.schema.parse(text), { host: "presence", port: 50056 });
    }
    assert.equal(problemOf(grpcPeer, "dns:///presence"), "is not an address: give host:port or [IPv6]:port");
  });

  test("is shown as it is written", () => {
    for (const text of ["127.0.0.1:1", "[::1]:2", ":3"]) {
      assert.equal(showAddress(listenAddress.schema.parse(text)), text);
    }
  });

  test("only this machine's own addresses count as loopback", () => {
    for (const host of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost", "LOCALHOST"]) {
      assert.ok(isLoopback(host), host);
    }
    for (const host of ["", "::", "0.0.0.0", "10.0.0.1", "128.0.0.1", "localhost.example.org", "fe80::1"]) {
      assert.ok(!isLoopback(host), host);
    }
  });
});
