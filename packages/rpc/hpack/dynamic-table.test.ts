import assert from "node:assert/strict";
import { test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { DynamicTable } from "./dynamic-table.ts";
import { HeaderField } from "./header-field.ts";

test("a field that is larger than the table empties it and is not in it", () => {
  const table = new DynamicTable(100);
  table.insert(new HeaderField("a", "b"));
  table.insert(new HeaderField("a", "b".repeat(68)));
  assert.deepEqual([table.count, table.bytes], [0, 0]);
});

test("a field that is as large as the table has it to itself", () => {
  const table = new DynamicTable(100);
  table.insert(new HeaderField("a", "b"));
  table.insert(new HeaderField("a", "b".repeat(67)));
  assert.deepEqual([table.count, table.bytes], [1, 100]);
});

test("fields that fill the table to the last byte all stay", () => {
  const table = new DynamicTable(100);
  table.insert(new HeaderField("a", "b".repeat(17)));
  table.insert(new HeaderField("a", "b".repeat(17)));
  assert.deepEqual([table.count, table.bytes], [2, 100]);
  table.resize(50);
  assert.deepEqual([table.count, table.bytes], [1, 50]);
});

test("a table of no bytes takes nothing, and can be made larger again", () => {
  const table = new DynamicTable(0);
  table.insert(new HeaderField("", ""));
  assert.equal(table.count, 0);
  table.resize(32);
  table.insert(new HeaderField("", ""));
  assert.equal(table.count, 1);
});

type Action = { readonly insert: number } | { readonly resize: number };

test("it holds what a plain list would", () => {
  // Sizes are multiples of ten, so that the table is often filled to the last byte.
  const insert = fc.record({ insert: fc.nat(15).map((tens) => tens * 10 + 8) });
  const resize = fc.record({ resize: fc.nat(120).map((tens) => tens * 10) });
  const actions = fc.array<Action>(fc.oneof({ weight: 20, arbitrary: insert }, { weight: 1, arbitrary: resize }), {
    maxLength: 200,
  });
  fc.assert(fc.property(actions, holdsTheSame), { seed: seed(), numRuns: 100 });
});

function holdsTheSame(actions: readonly Action[]): void {
  const table = new DynamicTable(1000);
  let maxBytes = 1000;
  let plain: HeaderField[] = [];
  for (const action of actions) {
    if ("resize" in action) {
      maxBytes = action.resize;
      table.resize(maxBytes);
    } else {
      const field = new HeaderField("", "v".repeat(action.insert));
      table.insert(field);
      plain.unshift(field);
    }
    while (bytesOf(plain) > maxBytes) plain = bytesOf(plain.slice(0, 1)) > maxBytes ? [] : plain.slice(0, -1);
    assert.equal(table.count, plain.length);
    assert.equal(table.bytes, bytesOf(plain));
    for (const [age, field] of plain.entries()) assert.equal(table.at(age), field);
  }
}

function bytesOf(fields: readonly HeaderField[]): number {
  return fields.reduce((bytes, field) => bytes + field.size, 0);
}
