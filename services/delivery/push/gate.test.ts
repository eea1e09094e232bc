import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { plainStatus } from "@realchat/presence-client";
import type { Sight } from "../privacy/judge.ts";
import type { Dot } from "./dot.ts";
import { shownBy } from "./gate.ts";
import type { ShownUser } from "./shown-user.ts";

const all: Sight = { online: true, lastSeen: true, status: true, devices: true, seesHidden: false };
const hidesOnline: Sight = { ...all, online: false };
const nothing: Sight = { online: false, lastSeen: false, status: false, devices: false, seesHidden: false };

const online: Dot = {
  ...{ userId: "bob", online: true, version: 7_000_000, shard: 3, lastSeenMs: 0 },
  ...{ cause: 1, deviceId: "phone", atUs: 6_000_000, devices: ["phone", "tv"] },
  status: { ...plainStatus(true), availability: "busy", text: "in a meeting" },
};
const offline: Dot = {
  ...{ ...online, online: false, cause: 5, lastSeenMs: 6_900, devices: [] },
  status: { ...plainStatus(false), text: "back on Monday" },
};
const away: Dot = { ...offline, cause: 3, lastSeenMs: 5_000 };

const absent = {
  ...{ userId: "bob", online: false, lastSeenMs: 0, cause: 0, deviceId: "", atUs: 0, devices: [] },
  status: plainStatus(false),
};

/** Of a user who does not hide. */
function shownOf(sight: Sight, dot: Dot): ShownUser {
  const shown = shownBy(sight, { dot, away, isHiding: false });
  assert.ok(shown);
  return shown;
}

describe("what a viewer is shown", () => {
  test("who may see all is shown the dot itself: one object for all of them, and one frame", () => {
    assert.equal(shownOf(all, online), online);
    assert.equal(shownOf(all, offline), offline);
  });

  test("devices and status of who is online are fields of their own", () => {
    const withoutDevices = shownOf({ ...all, devices: false }, online);
    assert.deepEqual([withoutDevices.devices, withoutDevices.deviceId], [undefined, ""]);
    assert.deepEqual([withoutDevices.status, withoutDevices.cause], [online.status, 1]);
    const withoutStatus = shownOf({ ...all, status: false }, online);
    assert.deepEqual([withoutStatus.status, withoutStatus.devices], [plainStatus(true), ["phone", "tv"]]);
  });

  test("why, when and from which device somebody left goes with last seen; devices are none for everybody", () => {
    const shown = shownOf({ ...all, lastSeen: false }, offline);
    assert.deepEqual(shown, { ...absent, status: offline.status });
    const { deviceId, cause, devices } = shownOf({ ...all, devices: false }, offline);
    assert.deepEqual([deviceId, cause, devices], ["", 5, []]);
  });

  test("who does not show being online is offline, without more, whatever is true", () => {
    for (const dot of [online, offline]) assert.deepEqual(shownOf(nothing, dot), absent);
  });

  test("who hides is shown as it was then, to those who may see that; to roles that see through, as it is", () => {
    for (const dot of [online, offline]) {
      const told = { dot, away, isHiding: true };
      assert.equal(shownBy(hidesOnline, told), away);
      assert.equal(shownBy(all, told), away);
      assert.deepEqual(shownBy(nothing, told), absent);
      assert.equal(shownBy({ ...all, seesHidden: true }, told), dot);
    }
  });

  test("who may not see whether the user is online is shown nothing before presence could know that it is away", () => {
    const told = { dot: online, away: undefined };
    for (const isHiding of [false, true]) assert.equal(shownBy(nothing, { ...told, isHiding }), undefined);
    assert.equal(shownBy(hidesOnline, { ...told, isHiding: true }), undefined);
  });
});
