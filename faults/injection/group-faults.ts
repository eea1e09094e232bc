import type { Allowance } from "../history/injected-fault.ts";
import type { Random } from "../random/random.ts";
import { type GroupServer, isGroup, type RedisGroup } from "../system/redis-group.ts";
import type { System } from "../system/system.ts";
import type { FaultKind } from "./fault-kind.ts";
import { storeIsLost } from "./redis-faults.ts";

/** Others notice a dead server after a second, and agree on its successor within some more. */
const failOverMs = 5_000;

/**
 * A successor may lack the last second; whoever cannot prove that nothing was lost begins anew. A killed server may be back
 * first, with what it copied last as a replica.
 */
const failsOver: Allowance = {
  ...storeIsLost,
  revives: true,
  everyone: { part: "whole", afterMs: 14_000 + failOverMs },
  holdsCalls: true,
  unavailableAfterMs: failOverMs + 2_500,
};

/** Nobody should see anything of it, but for writes that wait for nobody. */
const standIn: Allowance = { unavailableAfterMs: 0 };

type Choose = (group: RedisGroup) => Promise<readonly GroupServer[]>;

function killed(name: string, of: FaultKind["of"], choose: Choose, allowance: Allowance): FaultKind {
  return harmed(`${name}.kill`, of, choose, allowance, {
    begin: (server) => server.kill(),
    heal: (server) => server.restart(),
  });
}

function frozen(name: string, of: FaultKind["of"], choose: Choose, allowance: Allowance): FaultKind {
  return harmed(`${name}.freeze`, of, choose, allowance, {
    begin: async (server) => server.pause(),
    heal: async (server) => server.resume(),
  });
}

function harmed(
  name: string,
  of: FaultKind["of"],
  choose: Choose,
  allowance: Allowance,
  harm: { begin(server: GroupServer): Promise<void>; heal(server: GroupServer): Promise<void> },
): FaultKind {
  return {
    ...{ name: `group.${name}`, of, lastsMs: [300, 9_000], weight: 1.5 },
    async begin({ system }, random) {
      const group = groupOf(system);
      const server = random.oneOf(await choose(group));
      await harm.begin(server);
      const heal = async () => {
        await harm.heal(server);
        await group.untilWhole();
      };
      return { target: `the server at ${server.port}`, allowance, heal };
    },
  };
}

function planned(
  name: string,
  of: FaultKind["of"],
  move: (group: RedisGroup, random: Random) => Promise<void>,
): FaultKind {
  return {
    ...{ name: `group.${name}`, of, lastsMs: [0, 0], weight: 1.5 },
    async begin({ system }, random) {
      const group = groupOf(system);
      const moving = move(group, random);
      const heal = async () => {
        await moving;
        await group.untilWhole();
      };
      return { target: group.kind, allowance: failsOver, heal };
    },
  };
}

const both = ["sentinel", "cluster"] as const;
const primaries: Choose = (group) => group.primaries();
const replicas: Choose = (group) => group.replicas();

/** Servers that stand in for each other, of Sentinel and of Cluster. One of them is harmed at a time. */
export const groupFaults: readonly FaultKind[] = [
  killed("primary", both, primaries, failsOver),
  frozen("primary", both, primaries, failsOver),
  killed("replica", both, replicas, standIn),
  frozen("replica", both, replicas, standIn),
  killed("sentinel", ["sentinel"], async ({ sentinels }) => sentinels, standIn),
  frozen("sentinel", ["sentinel"], async ({ sentinels }) => sentinels, standIn),
  {
    // All that the primary took meanwhile is lost, and versions that others have seen.
    ...{ name: "group.promote-stale", of: both, lastsMs: [1_000, 4_000], weight: 1.5 },
    async begin({ system }, random) {
      const group = groupOf(system);
      const { primary, release } = await group.forsake(random);
      const heal = async () => {
        await primary.kill();
        await release();
        // Sentinels take no replica that was away for over 10 s, as on a machine under load; then it comes back empty.
        await group.untilSucceeded(primary).catch(() => {});
        await primary.restart();
        await group.untilWhole();
      };
      return { target: `the server at ${primary.port}`, allowance: failsOver, heal };
    },
  },
  planned("fail-over", both, (group, random) => group.failOver(random)),
  planned("move-slot", ["cluster"], (group, random) => group.moveSlot(random)),
];

function groupOf({ redis }: System): RedisGroup {
  if (isGroup(redis)) return redis;
  throw new Error("this fault is of several servers, not of a single Redis");
}
