import assert from "node:assert/strict";
import { test } from "node:test";
import { repeat } from "./campaign.ts";
import { found } from "./found.ts";
import { parseFrame, showFrame } from "./fuzzed-frame.ts";
import { limitSets } from "./target.ts";

for (const [what, lines] of Object.entries(found)) {
  test(`found by the fuzzer: ${what}`, async () => {
    const frames = lines.map(parseFrame);
    for (const limitSet of limitSets.keys()) assert.deepEqual(await repeat(frames, limitSet), []);
  });
}

test("frames are kept as lines that say all of them", () => {
  const frames = [
    { type: 0x9, flags: 0x4, stream: 2 ** 32 - 1, payload: Buffer.from("ab") },
    { type: 0xfe, flags: 0xff, stream: 0, payload: Buffer.alloc(0), claims: 2 ** 24 - 1 },
  ];
  assert.deepEqual(frames.map(showFrame).map(parseFrame), frames);
  assert.throws(() => parseFrame("HEADERS, some"), /not a frame/);
});
