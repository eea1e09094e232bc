import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "@realchat/presence-runtime/clock";
import { directoryContract } from "../testing/directory.contract.ts";
import { MemoryDirectory } from "./memory-directory.ts";

describe("memory directory", () => {
  directoryContract(
    async () => {
      let directory = new MemoryDirectory({}, systemClock);
      return {
        get directories() {
          return [directory, directory] as const;
        },
        async empty() {
          directory = new MemoryDirectory({}, systemClock);
        },
        close: async () => {},
      };
    },
    { randomRuns: 300 },
  );

  test("a full directory refuses a batch as a whole, and takes what it knows", async () => {
    const directory = new MemoryDirectory({ maxRelations: 3 }, systemClock);
    const room = { kind: "conversation", at: 1, conversationId: "room", participants: ["ann", "bob"] } as const;
    await directory.apply({ changes: [room] });
    const club = { kind: "conversation", at: 2, conversationId: "club", participants: ["ann", "cid"] } as const;
    const origin = { source: "topic:0", after: undefined, upTo: { offset: 0, at: 2 } };
    await assert.rejects(directory.apply({ origin, changes: [club] }), { code: "FULL", message: /limit 3/ });
    assert.deepEqual(await directory.visibleTo("cid", 10), { users: [], more: false });
    assert.equal((await directory.state()).positions.size, 0);
    await directory.apply({ changes: [{ kind: "left", at: 3, conversationId: "room", userId: "ann" }] });
    assert.deepEqual(await directory.visibleTo("ann", 10), { users: [], more: false });
    assert.equal(directory.metrics().relations, 2);
  });
});
