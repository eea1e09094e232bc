import assert from "node:assert/strict";
import { test } from "node:test";
import type { RedisLink } from "@realchat/presence-redis";
import type { Tick } from "../../store.ts";
import { type ShardKeys, shardKeys } from "../keys.ts";
import { ShardState } from "./shard-state.ts";

const nowUs = 1_790_000_000_000_000;
const dayUs = 86_400_000_000;

test("a version that no clock can have given is no witness", () => {
  const [keys] = shardKeys(1) as [ShardKeys];
  const state = new ShardState(0, keys, {} as RedisLink, 1_000);
  state.saw(nowUs);
  assert.equal(state.witness.version, 0, "nothing is known of the shard yet");
  const tick: Tick = {
    ...{ clockMs: 0, expired: 0, lagMs: 0, lastVersion: nowUs - 5, logLength: 1, sessions: 0, usersOnline: 0 },
    ...{ leased: 0, leases: 0, blocks: 0, claimed: 0 },
    ...{ failed: 0, begin: 0, recoveringMs: 0, isRestated: true },
  };
  state.ticked({ tick, incarnation: "one", hidden: [], nowUs, aheadUs: 0, orderUs: nowUs, dataSince: 0 }, 0, 0);
  assert.equal(state.witness.version, nowUs - 5);
  state.saw(nowUs + dayUs);
  assert.equal(state.witness.version, nowUs + dayUs, "as after many begins");
  state.saw(nowUs + dayUs + 1);
  assert.deepEqual(state.witness, { incarnation: "one", tickedVersion: nowUs - 5, version: nowUs + dayUs });
});
