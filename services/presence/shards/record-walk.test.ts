import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "@realchat/presence-runtime/testing";
import type { Mended } from "../store/store.ts";
import { RecordWalk } from "./record-walk.ts";

test("a walk goes step by step, rests at its end, and begins anew where a step failed", async () => {
  const clock = new FakeClock();
  const asked: string[] = [];
  const told: Mended[] = [];
  let isAway = false;
  const store = {
    async mend(cursor: string, shards: ReadonlySet<number>) {
      asked.push(cursor);
      assert.deepEqual([...shards], [3, 5]);
      if (isAway) throw new Error("away");
      return {
        cursor: cursor === "" ? "1" : cursor === "1" ? "2" : "",
        given: cursor === "1" ? 4 : 0,
        dropped: 0,
        recounted: 0,
      };
    },
  };
  const four = { given: 4, dropped: 0, recounted: 0 };
  const walk = new RecordWalk({ store, held: () => new Set([3, 5]), clock, onMended: (mended) => told.push(mended) });
  walk.start();
  await clock.advance(1_500);
  assert.deepEqual([asked, told, walk.mended, walk.walks], [["", "1", "2"], [four], four, 1]);
  await clock.advance(20_200);
  assert.deepEqual(asked.slice(3), ["", "1"]);
  isAway = true;
  await clock.advance(20_500);
  isAway = false;
  await clock.advance(250);
  assert.equal(asked[5], "2");
  assert(
    asked.slice(6).every((cursor) => cursor === "" || cursor === "1"),
    "another server has other cursors",
  );
  walk.stop();
  const count = asked.length;
  await clock.advance(60_000);
  assert.equal(asked.length, count);
});
