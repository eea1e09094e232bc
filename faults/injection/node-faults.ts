import type { Allowance } from "../history/injected-fault.ts";
import type { FaultKind } from "./fault-kind.ts";

/** P2: another node publishes within 2 s; a killed one may have had requests under way until its callers gave up. */
const oneNodeIsGone = (node: number, afterMs: number): Allowance => ({
  everyone: { part: "start", forMs: 3_000 },
  ofNode: { node, excuse: { part: "whole", afterMs } },
  unavailableAfterMs: 0,
});

export const nodeFaults: readonly FaultKind[] = [
  {
    name: "node.kill",
    lastsMs: [500, 4_000],
    weight: 2,
    async begin({ system }, random) {
      const node = random.oneOf(system.nodes);
      await node.kill();
      return { target: node.name, allowance: oneNodeIsGone(node.index, 4_000), heal: () => node.start() };
    },
  },
  {
    name: "node.stop",
    lastsMs: [500, 3_000],
    weight: 1,
    async begin({ system }, random) {
      const node = random.oneOf(system.nodes);
      const stopped = node.stop();
      const heal = async () => {
        await stopped;
        await node.start();
      };
      return { target: node.name, allowance: oneNodeIsGone(node.index, 4_000), heal };
    },
  },
  {
    name: "node.freeze",
    lastsMs: [500, 8_000],
    weight: 2,
    begin({ system }, random) {
      const node = random.oneOf(system.nodes);
      node.freeze();
      const allowance = { ...oneNodeIsGone(node.index, 3_000), holdsCalls: true };
      return { target: node.name, allowance, heal: () => node.resume() };
    },
  },
  {
    name: "node.freeze-all",
    lastsMs: [500, 9_000],
    weight: 1,
    begin({ system }) {
      for (const node of system.nodes) node.freeze();
      const allowance: Allowance = {
        everyone: { part: "whole", afterMs: 3_000 },
        isOutage: true,
        holdsCalls: true,
        unavailableAfterMs: 3_000,
      };
      const heal = () => {
        for (const node of system.nodes) node.resume();
      };
      return { target: "all nodes", allowance, heal };
    },
  },
];
