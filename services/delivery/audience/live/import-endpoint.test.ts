import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import { Metrics, OperationsServer, systemClock } from "@realchat/presence-runtime";
import { MemoryDirectory } from "../memory/memory-directory.ts";
import { importAudience } from "../sources/import-audience.ts";
import { FlakyDirectory } from "../testing/flaky-directory.ts";
import { RecordedListener } from "../testing/recorded-listener.ts";
import { importEndpoint, importPath, requestContentType, requestMaxBytes } from "./import-endpoint.ts";
import { RunningGateway } from "./running-gateway.ts";

const lines = (...contents: unknown[]) => contents.map((content) => `${JSON.stringify(content)}\n`).join("");
const room = { conversation_id: "room", participants: ["ann", "bob"] };

/** What a gateway has to take imports with, at a port of its own. */
async function listening(t: TestContext, { directory = new FlakyDirectory(), isExposed = false } = {}) {
  const listener = new RecordedListener();
  const server = new OperationsServer({
    service: "delivery",
    metrics: new Metrics(),
    checks: {},
    isDraining: () => false,
    clock: systemClock,
    orders: { [importPath]: importEndpoint({ directory, listener, isExposed }) },
  });
  const address = { host: "127.0.0.1", port: await server.listen({ host: "127.0.0.1", port: 0 }) };
  t.after(() => server.close());
  const order = async (body: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`http://127.0.0.1:${address.port}${importPath}`, {
      ...{ method: "POST", body },
      headers: { "content-type": requestContentType, ...headers },
    });
    return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
  };
  return { directory, listener, address, order };
}

describe("an import order", () => {
  test("is applied, tells the sockets at once, and answers what it was", async (t) => {
    const { directory, listener, order } = await listening(t);
    const { status, answer } = await order(lines(room, { user_id: "ann", blocked: "cid" }));
    assert.equal(status, 200);
    assert.deepEqual(answer, { lines: 2, conversations: 1, contacts: 0, blocks: 1, policies: 0, directory: "redis" });
    assert.deepEqual((await directory.visibleTo("ann", 10)).users, ["bob"]);
    assert.ok(listener.isAffected("ann", "bob"));
    assert.ok(listener.isAffected("ann", "cid"));
  });

  test("with contacts is answered how many are mutual", async (t) => {
    const { order } = await listening(t);
    const contact = (user_id: string, contact_id: string) => ({ user_id, contact_id });
    const { answer } = await order(lines(contact("ann", "bob"), contact("bob", "ann"), contact("ann", "cid")));
    assert.deepEqual([answer.contacts, answer.mutual, answer.oneSided], [3, 1, 1]);
  });

  test("with a line that is wrong changes nothing, and is told which", async (t) => {
    const { directory, listener, order } = await listening(t);
    const { status, answer } = await order(lines(room, { user_id: "ann", contact_id: "" }));
    assert.equal(status, 400);
    assert.match(String(answer.message), /^line 2 has a contact_id that is no id: give 1 to 128 bytes/);
    assert.equal(directory.metrics().relations, 0);
    assert.deepEqual(listener.pairs, []);
  });

  test("has a size that keeps no socket waiting", async (t) => {
    const { directory, order } = await listening(t);
    const { status, answer } = await order(lines(room).repeat(Math.ceil(requestMaxBytes / lines(room).length)));
    assert.equal(status, 400);
    assert.match(String(answer.message), /^more than 1048576 bytes at once: send fewer lines/);
    assert.equal(directory.metrics().relations, 0);
  });

  test("is refused from pages, and where anybody could give it", async (t) => {
    const { order } = await listening(t);
    const foreign: Record<string, string>[] = [{ origin: "http://127.0.0.1:8093" }, { "content-type": "text/plain" }];
    for (const headers of foreign) {
      const { status, answer } = await order(lines(room), headers);
      assert.deepEqual([status, answer.error], [403, "REFUSED"]);
    }
    const { status, answer } = await (await listening(t, { isExposed: true })).order(lines(room));
    assert.equal(status, 403);
    assert.match(String(answer.message), /accept it with ALLOW_IMPORT=true/);
  });
});

describe("a running gateway", () => {
  test("takes a file as a directory does, also more of it than one order may have", async (t) => {
    const { directory, address } = await listening(t);
    const members = Array.from({ length: 2_500 }, (_, index) => `member-${index}-${"x".repeat(100)}`);
    const contacts = Array.from({ length: 6_000 }, (_, index) => ({ user_id: `${index}-"quoted"`, contact_id: "ann" }));
    const progress: number[] = [];
    const policy = { user_id: "ann", privacy: { invisible: true } };
    const file = Readable.from([lines({ conversation_id: "big", participants: members }, policy, ...contacts)]);
    const imported = await importAudience(new RunningGateway(address, systemClock), file, {
      progress: (told) => progress.push(told.lines),
    });
    assert.deepEqual(imported, { lines: 6_002, conversations: 1, contacts: 6_000, blocks: 0, policies: 1 });
    assert.equal(directory.metrics().relations, 8_501);
    assert.equal(progress.length, 13);
  });

  test("says why it does not, and up to where it did", async (t) => {
    const { directory, address } = await listening(t);
    const gateway = new RunningGateway(address, systemClock);
    directory.isAway = true;
    const importing = importAudience(gateway, Readable.from([lines(room)]));
    await assert.rejects(importing, {
      code: "UNAVAILABLE",
      message: "away; nothing is imported, and importing it again does no harm",
    });
    const small = await listening(t, { directory: new MemoryDirectory({ maxRelations: 1 }, systemClock) as never });
    await assert.rejects(importAudience(new RunningGateway(small.address, systemClock), Readable.from([lines(room)])), {
      code: "FULL",
      message: /^the directory in memory holds 0 relations, limit 1/,
    });
  });
});
