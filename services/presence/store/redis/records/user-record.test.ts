import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { seed } from "@realchat/presence-testing";
import fc from "fast-check";
import { decodeUser, userWithoutRecord } from "./user-record.ts";

const nowMs = 1_790_000_001_000;
const hiddenLeases: ReadonlySet<string> = new Set(["lost-lease"]);
const decode = (record: string) =>
  decodeUser("anna", 3, record, { nowMs, aheadUs: 0, hiddenLeases, retentionMs: 86_400_000 });

describe("a user's record", () => {
  test("lists live sessions by device, none in grace, no tombstones", () => {
    const record = [
      "1790000000000001 1789999999999",
      "phone\t1790000000000001.c1\x1fgateway-1\x1f130000\te1789999999000000\x1fgateway-2\x1f100",
      "tablet\tg1790000000000002.c2\x1fgateway-1",
      "laptop\t1790000000500000\x1fgateway-2",
      "watch\tx1790000000000003\x1fgateway-1\x1f5",
    ].join("\n");
    assert.deepEqual(decode(record), {
      userId: "anna",
      online: true,
      version: 1790000000000001,
      lastSeenMs: 0,
      shard: 3,
      devices: [
        { deviceId: "laptop", instanceId: "gateway-2", connectedAtMs: 1_790_000_000_500 },
        { deviceId: "phone", instanceId: "gateway-1", connectedAtMs: 1_790_000_000_000 },
      ],
    });
  });

  test("that is the example beside its grammar is read as that says", () => {
    const source = readFileSync(new URL("../lua/record/record.lua", import.meta.url), "utf8");
    const example = source.split("\n").filter((line) => /^-- {3}("[^"]*"|LF|HT|US)( |$)/.test(line));
    const separators: Record<string, string> = { LF: "\n", HT: "\t", US: "\x1f" };
    const parts = example.join(" ").match(/"[^"]*"|LF|HT|US/g) ?? [];
    const record = parts.map((part) => separators[part] ?? part.slice(1, -1)).join("");
    assert.equal(record.split("\n").length, 5);
    assert.deepEqual(decode(record), {
      userId: "anna",
      online: true,
      version: 1790000000000001,
      lastSeenMs: 0,
      shard: 3,
      devices: [
        { deviceId: "car", instanceId: "gateway-1", connectedAtMs: 1_790_000_000_700 },
        { deviceId: "phone", instanceId: "gateway-1", connectedAtMs: 1_790_000_000_000 },
      ],
    });
  });

  test("does not list the devices of leases that are lost or closed", () => {
    const session = "1790000000000001.c1\x1fgateway-1\x1f\x1f";
    const record = `1790000000000001\na\t${session}lost-lease\nb\t${session}lease-1\te17\x1fgateway-2\x1f5`;
    assert.deepEqual(
      decode(record)?.devices.map(({ deviceId }) => deviceId),
      ["b"],
    );
    assert.deepEqual(decode(`1790000000000001\na\t${session}lost-lease`)?.online, true);
  });

  test("tells since when an offline user was last seen", () => {
    const record = "-1790000000000009 1790000000123\nphone\te1790000000000001.c1\x1fgateway-1\x1f100";
    assert.deepEqual(decode(record), {
      userId: "anna",
      online: false,
      version: 1790000000000009,
      lastSeenMs: 1_790_000_000_123,
      shard: 3,
      devices: [],
    });
  });

  test("never says that a device is connected since later than now", () => {
    const [device] = decode("1790000000000001\nphone\t1790000009000000\x1fgateway-1")?.devices ?? [];
    assert.equal(device?.connectedAtMs, nowMs);
  });

  test("takes connection ids with dots, digits and letters for what they are", () => {
    const view = decode("1790000000000001\ng\t17.x.5g\x1fe1\nx\te17.x\x1fgateway\x1f5");
    assert.deepEqual(view?.devices, [{ deviceId: "g", instanceId: "e1", connectedAtMs: 0 }]);
  });

  test("that makes no sense is not guessed about (P5)", () => {
    const whole = "1790000000000001 5\nphone\t1790000000000001.c1\x1fgateway-1\te17\x1fgateway-2\x1f5";
    const wrongs = [
      ...["", "\n", "garbage", "-", "1790000000000001", "1790000000000001\nphone", "-1790000000000001\n\te1"],
      whole.replace(" 5", " five"),
      whole.replace("1790000000000001 ", "9".repeat(16)),
      whole.replace(/^/, "-"),
      whole.replace("\x1fgateway-1", ""),
      whole.replace("\t1790000000000001", "\tg"),
      whole.replace("\t1790000000000001", "\tgarbage"),
      whole.replace("\t1790000000000001", "\t017"),
      `${whole}\n`,
      `${whole}\nlaptop`,
      `${whole}\nlaptop\tz17\x1fgateway-1`,
    ];
    assert.equal(decode(whole)?.online, true);
    for (const wrong of wrongs) assert.equal(decode(wrong), undefined, JSON.stringify(wrong));
  });

  test("never throws, whatever became of it", () => {
    const whole = "1790000000000001 5\nphone\t1790000000000001.c1\x1fgateway-1\te17\x1fgateway-2\x1f5";
    const bytes = fc.constantFrom(..."\0\t\n\x1f -gerx.0179a");
    const edit = fc.tuple(fc.nat(whole.length), fc.nat(20), fc.string({ unit: bytes, maxLength: 5 }));
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        let record = whole;
        for (const [at, length, put] of edits) record = record.slice(0, at) + put + record.slice(at + length);
        const view = decode(record);
        assert(
          view === undefined ||
            (Number.isSafeInteger(view.version) && view.devices.every(({ instanceId }) => instanceId)),
        );
      }),
      { seed: seed(), numRuns: 2_000 },
    );
  });

  test("is missing: offline at the version that is known", () => {
    const view = userWithoutRecord("anna", 3, 17);
    assert.deepEqual([view.online, view.version, view.lastSeenMs, view.devices], [false, 17, 0, []]);
  });
});
