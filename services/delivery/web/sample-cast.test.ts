import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import { MemoryDirectory } from "../audience/memory/memory-directory.ts";
import { sampleAudience } from "./sample-cast.ts";

test("the sample cast has all that relations can do: conversations, contacts and a block", async () => {
  const directory = new MemoryDirectory({}, new FakeClock());
  await directory.apply({ changes: sampleAudience() });
  const seenBy = async (id: string) => (await directory.visibleTo(id, 100)).users.sort();
  assert.deepEqual(await seenBy("ada"), ["bruno", "chen", "dina", "elif", "finn", "grace"]);
  assert.deepEqual(await seenBy("elif"), ["ada", "bruno", "chen", "dina"]);
  assert.deepEqual(await seenBy("hugo"), ["chen", "dina", "grace"], "hugo blocks finn");
  assert.deepEqual(await seenBy("finn"), ["ada", "dina", "grace"]);
});
