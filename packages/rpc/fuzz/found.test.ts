import assert from "node:assert/strict";
import { test } from "node:test";
import { repeat } from "./campaign.ts";
import { found } from "./found.ts";
import { readPiece, showPiece } from "./piece.ts";
import { limitSets } from "./target.ts";

for (const [what, lines] of Object.entries(found)) {
  test(`found by the fuzzer: ${what}`, async () => {
    const pieces = lines.map(readPiece);
    for (const limitSet of limitSets.keys()) assert.deepEqual(await repeat(pieces, limitSet), []);
  });
}

test("frames are kept as lines that say all of them", () => {
  const pieces = [
    { type: 0x9, flags: 0x4, stream: 2 ** 32 - 1, payload: Buffer.from("ab") },
    { type: 0xfe, flags: 0xff, stream: 0, payload: Buffer.alloc(0), claims: 2 ** 24 - 1 },
  ];
  assert.deepEqual(pieces.map(showPiece).map(readPiece), pieces);
  assert.throws(() => readPiece("HEADERS, some"), /not a frame/);
});
