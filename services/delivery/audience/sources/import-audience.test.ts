import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { everything, merge, storedPolicy } from "../../privacy/policy.ts";
import { MemoryDirectory } from "../memory/memory-directory.ts";
import { FlakyDirectory } from "../testing/flaky-directory.ts";
import { RecordedListener } from "../testing/recorded-listener.ts";
import { checkImport, importAudience } from "./import-audience.ts";

const lines = (...contents: unknown[]) => contents.map((content) => `${JSON.stringify(content)}\n`).join("");
const good = lines(
  { conversation_id: "room", participants: ["ann", "bob", "cid", "bob"] },
  { user_id: "ann", contact_id: "dan" },
  { user_id: "dan", contact_id: "ann" },
  { user_id: "bob", blocked: "cid" },
  { user_id: "ann", privacy: { lastSeen: "contacts", except: { hide: ["cid"] } } },
);
const open = () => new MemoryDirectory({}, systemClock);

/** The text in chunks that end anywhere. */
function inChunks(text: string, size: number): Readable {
  const bytes = Buffer.from(text);
  return Readable.from(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    ),
  );
}

describe("import", () => {
  test("brings conversations, contacts and blocks, however the file is cut into chunks", async () => {
    for (const size of [1, 7, 1_000]) {
      const directory = open();
      const listener = new RecordedListener();
      const imported = await importAudience(directory, inChunks(good, size), { listener });
      assert.deepEqual(imported, { lines: 5, conversations: 1, contacts: 2, blocks: 1, policies: 1 });
      assert.deepEqual((await directory.visibleTo("ann", 10)).users, ["dan", "bob", "cid"]);
      assert.deepEqual((await directory.visibleTo("bob", 10)).users, ["ann"]);
      assert.ok(listener.isAffected("ann", "dan"));
      assert.deepEqual(listener.policyOwners, ["ann"]);
      const policy = merge(everything, { lastSeen: "contacts", hide: new Set(["cid"]) });
      assert.deepEqual(directory.policyOf("ann"), { stamp: 1, policy: storedPolicy(policy) });
    }
  });

  test("passes over empty lines, and needs no newline at the end", async () => {
    const directory = open();
    const imported = await importAudience(directory, Readable.from([`\n\r\n${good.trimEnd()}`]));
    assert.equal(imported.lines, 7);
    assert.equal(imported.blocks, 1);
  });

  test("letters of several bytes survive a cut through them", async () => {
    const directory = open();
    await importAudience(directory, inChunks(lines({ conversation_id: "c", participants: ["zoë", "🙂"] }), 1));
    assert.deepEqual((await directory.visibleTo("zoë", 10)).users, ["🙂"]);
  });

  test("refuses a line that it does not understand, by its number, and says what is imported", async () => {
    const refusals: [string, RegExp][] = [
      ["{", /^line 6 is no JSON.*; nothing is imported, and importing it again does no harm$/s],
      ["7", /^line 6 is no JSON object/],
      ["[{}]", /^line 6 is an array: write one object a line/],
      ["P\u0000\u001b[31m", /^line 6 is no JSON: [^\p{Cc}]*; nothing is imported/u],
      ['{"user_id":"ann"}', /^line 6 needs exactly one of conversation_id, contact_id, blocked and privacy/],
      ['{"user_id":"ann","contact_id":"bob","blocked":"cid"}', /^line 6 needs exactly one/],
      ['{"contact_id":"bob"}', /^line 6 has a user_id that is no id: give 1 to 128 bytes/],
      [
        '{"user_id":"ann","privacy":{"online":"friends"}}',
        /^line 6 has a privacy that is none: online is none of audience/,
      ],
      ['{"conversation_id":"room"}', /^line 6 has no list of participants/],
      ['{"conversation_id":"room","participants":["ann",7]}', /^line 6 has a participant that is no id/],
    ];
    for (const [line, message] of refusals) {
      const directory = open();
      await assert.rejects(importAudience(directory, Readable.from([good, line])), { code: "INVALID_IMPORT", message });
      assert.equal(directory.metrics().relations, 0);
      await assert.rejects(checkImport(Readable.from([good, line])), { code: "INVALID_IMPORT", message: /^line 6/ });
    }
    await assert.rejects(checkImport(Readable.from([Buffer.from([0x7b, 0xff, 0x0a])])), {
      message: "line 1 is not UTF-8: is it text, and unpacked?",
    });
    await checkImport(Readable.from([good]));
  });

  test("a line without end is not kept in memory", async () => {
    const endless = Readable.from(Array.from({ length: 40 }, () => Buffer.alloc(1024 * 1024, "x")));
    await assert.rejects(checkImport(endless), { message: "line 1 has more than 16777216 bytes" });
  });

  test("goes on in batches, tells how far it is, and where it stopped", async () => {
    const many = Array.from({ length: 1_200 }, (_, index) => ({ user_id: "ann", contact_id: `user-${index}` }));
    const progress: number[] = [];
    await importAudience(open(), Readable.from([lines(...many)]), {
      progress: (imported) => progress.push(imported.lines),
    });
    assert.deepEqual(progress, [500, 1_000, 1_200]);

    const directory = new FlakyDirectory();
    const importing = importAudience(directory, Readable.from([lines(...many)]), {
      progress: () => {
        directory.isAway = true;
      },
    });
    await assert.rejects(importing, { code: "UNAVAILABLE", message: /; what stands up to line 500 is imported/ });
  });
});
