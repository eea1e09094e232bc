import assert from "node:assert/strict";
import { test } from "node:test";
import { Availability as WireAvailability, UserStatus as WireStatus } from "@realchat/presence-proto/presence";
import {
  availabilities,
  availabilityOf,
  isToldApart,
  plainStatus,
  userStatusOf,
  wireAvailabilityOf,
} from "./user-status.ts";

test("a status that presence leaves out is the plain one; one and the same object for all who have it", () => {
  for (const online of [true, false]) {
    assert.equal(userStatusOf(undefined, online), plainStatus(online));
    const availability = wireAvailabilityOf(online ? "available" : undefined);
    assert.equal(userStatusOf(WireStatus.fromPartial({ availability }), online), plainStatus(online));
  }
});

test("a status says until when, and since when nobody uses the devices", () => {
  const told = WireStatus.fromPartial({
    ...{ availability: WireAvailability.AVAILABILITY_DO_NOT_DISTURB, text: "review", emoji: "🔍" },
    ...{ until: { seconds: 7, nanos: 1_999_999 }, idleSince: { seconds: 5, nanos: 0 } },
  });
  const status = userStatusOf(told, true);
  assert.deepEqual(status, {
    ...{ availability: "do-not-disturb", text: "review", emoji: "🔍", untilMs: 7_001, idleSinceMs: 5_000 },
  });
  assert.equal(isToldApart(status, { ...status, idleSinceMs: 6_000 }), false);
  assert.equal(isToldApart(status, { ...status, untilMs: 7_002 }), true);
});

test("every availability of the contract has a word; one of a later release says that the user is online", () => {
  const numbers = Object.values(WireAvailability).filter((number) => number > 0);
  assert.deepEqual(numbers.map(availabilityOf), availabilities);
  assert.deepEqual(availabilities.map(wireAvailabilityOf), numbers);
  const later = { ...WireStatus.create(), availability: 99 as WireAvailability };
  assert.equal(userStatusOf(later, true), plainStatus(true));
});
