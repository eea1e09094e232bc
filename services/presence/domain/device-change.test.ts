import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeviceChange } from "./device-change.ts";
import type { Device, UserRecord } from "./session.ts";

const session = { order: 1, connectionId: "", instanceId: "gateway-1", contestedUntilMs: 0 };
const live: Device = { current: { state: "live", session }, tombstones: [] };
const grace: Device = { current: { state: "grace", session }, tombstones: [] };
const gone: Device = { current: undefined, tombstones: [] };

function record(devices: Readonly<Record<string, Device>>): UserRecord {
  return { version: 1, online: true, lastSeenMs: 0, devices: new Map(Object.entries(devices)) };
}

test("a device that comes or goes beside another one is a change that is no transition", () => {
  const cases: [before: Device, after: Device, other: Device, is: boolean][] = [
    [gone, live, live, true],
    [live, gone, live, true],
    [live, grace, live, true],
    [grace, live, live, true],
    [gone, live, grace, true],
    // Not listed before, nor after.
    [grace, gone, live, false],
    [live, live, live, false],
    // Alone: a transition, or a grace that keeps its user online.
    [gone, live, gone, false],
    [live, gone, gone, false],
    [live, grace, gone, false],
    [grace, live, gone, false],
  ];
  for (const [before, after, other, is] of cases) {
    const outcome = isDeviceChange(record({ phone: before, other }), record({ phone: after, other }), "phone");
    assert.equal(outcome, is, JSON.stringify([before, after, other]));
  }
  assert.equal(isDeviceChange(undefined, record({ phone: live }), "phone"), false);
});
