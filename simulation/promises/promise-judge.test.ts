import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogEntry } from "../../services/presence/domain/log-entry.ts";
import { GroundTruth } from "./ground-truth.ts";
import { PromiseJudge } from "./promise-judge.ts";
import { StatusTruth } from "./status-truth.ts";
import { Timeline } from "./timeline.ts";

const rules = { ttlMs: 20_000, leaseTtlMs: 12_000, leasedTtlMs: 60_000, graceMs: 5_000 };
const bounds = {
  ...{ goneMs: 5_000, offlineMs: 10_000, onlineMs: 10_000, publishedMs: 5_000, statusMs: 10_000 },
  disturbedMs: 35_000,
};

/** A judge of one shard that recovers, and a reader of Ann, who connects. */
function judged() {
  let nowMs = 0;
  const clock = {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    shardOf: () => 0,
    deadlineClockMs: () => nowMs,
    deadlineClocksMs: () => [nowMs],
    shardTick: () => ({ clockMs: nowMs, atMs: nowMs, steps: 0 }),
    recoveringUntilMs: () => Number.POSITIVE_INFINITY,
  };
  const truth = new GroundTruth({ rules, clock, runs: () => true });
  const statuses = new StatusTruth(clock);
  const timeline = new Timeline(() => nowMs);
  const judge = new PromiseJudge({ truth, statuses, clock, timeline, bounds, shardCount: 1 });
  const reader = judge.reader("kafka", "the reader", ["ann"]);
  const connect = (id: string) =>
    truth.opened({ id, userId: "ann", deviceId: "phone", gateway: "gateway-1", hasToken: true });
  const log = (...entries: LogEntry[]) => {
    for (const entry of entries) judge.logged(entry);
    nowMs += 1;
  };
  const broken = () => judge.violations.map(({ promise }) => promise);
  return { truth, reader, connect, log, broken };
}

const connected = {
  userId: "ann",
  cause: "CONNECTED",
  deviceId: "phone",
  instanceId: "gateway-1",
  lastSeenMs: 0,
} as const;
const online = (version: number) => ({ ...connected, online: true, shard: 0, version });
const begin = (version: number) => ({ mark: "begin", shard: 0, version }) as const;

test("a reset that comes late says what was true: who was not restated had gone", () => {
  const { truth, reader, connect, log, broken } = judged();
  connect("c1");
  log(online(1));
  reader.told("ann", true, 1);
  truth.released("c1");
  log(begin(10), { mark: "complete", shard: 0, version: 11, begin: 10 });
  connect("c2");
  log(begin(20), online(21));
  reader.told("ann", false, 10);
  assert.deepEqual(broken(), []);
});

test("so it does of whose status changed while gone, since readers may pass over that", () => {
  const { truth, reader, connect, log, broken } = judged();
  connect("c1");
  log(online(1));
  reader.told("ann", true, 1);
  truth.released("c1");
  const changed = { ...online(11), online: false, cause: "STATUS" } as const;
  log(begin(10), changed, { mark: "complete", shard: 0, version: 12, begin: 10 });
  connect("c2");
  log(begin(20), online(21));
  reader.told("ann", false, 10);
  assert.deepEqual(broken(), []);
});

test("nobody who was restated is said to be gone while presence recovers (P8)", () => {
  const { reader, connect, log, broken } = judged();
  connect("c1");
  log(online(1));
  reader.told("ann", true, 1);
  log(begin(10), online(11), { mark: "complete", shard: 0, version: 12, begin: 10 }, begin(20));
  reader.told("ann", false, 10);
  assert.deepEqual(broken(), ["P8"]);
});
