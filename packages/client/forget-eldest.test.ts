import assert from "node:assert/strict";
import { cpuUsage } from "node:process";
import { test } from "node:test";
import { SeenVersions } from "./kafka/seen-versions.ts";
import { plainStatus } from "./status/user-status.ts";
import { KnownUsers } from "./watch/known-users.ts";

const usersMax = 100_000;

/** Runs it for as many users as are remembered, then for as many again. @returns how much more CPU that took: others' load does not count */
function slowdown(run: (userId: string, version: number) => void): number {
  const takenUs = [0, 1].map((half) => {
    const before = cpuUsage();
    for (let user = half * usersMax; user < (half + 1) * usersMax; user++) run(`user-${user}`, user);
    return cpuUsage(before).user;
  });
  return (takenUs[1] as number) / (takenUs[0] as number);
}

// It takes twice the time at most; when one is forgotten at a time, thirty times.
const allowed = 8;

test("versions beyond those remembered cost no more than others", () => {
  const seen = new SeenVersions(usersMax);
  const times = slowdown((userId, version) => seen.isNews(userId, version));
  assert.ok(seen.size <= usersMax && seen.size > 0.8 * usersMax, `${seen.size} are remembered`);
  assert.equal(seen.isNews(`user-${2 * usersMax - 1}`, 1), false);
  assert.equal(seen.isNews("user-0", 0), true);
  assert.ok(times < allowed, `it took ${times} times as long`);
});

test("users who left, beyond those remembered, cost no more than others", () => {
  const known = new KnownUsers({ unknownAreOffline: true, offlineMax: usersMax });
  const times = slowdown((userId, version) => {
    known.merge({ userId, online: true, version, status: plainStatus(true) });
    known.merge({ userId, online: false, version: version + 1, status: plainStatus(false) });
  });
  assert.ok(known.size <= usersMax && known.size > 0.8 * usersMax, `${known.size} are remembered`);
  assert.ok(times < allowed, `it took ${times} times as long`);
});
