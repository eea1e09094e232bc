import type { Allowance } from "../history/injected-fault.ts";
import type { FaultKind } from "./fault-kind.ts";

/** A publish may take up to its time-out (10 s) to fail. Nobody but Kafka's readers sees anything of it. */
const kafkaIsAway: Allowance = { kafka: { part: "whole", afterMs: 13_000 }, unavailableAfterMs: 0 };

export const kafkaFaults: readonly FaultKind[] = [
  {
    name: "kafka.freeze",
    lastsMs: [500, 8_000],
    weight: 1,
    begin({ system: { kafka } }) {
      kafka.pause();
      return { target: "kafka", allowance: kafkaIsAway, heal: () => kafka.resume() };
    },
  },
  {
    name: "kafka.restart",
    lastsMs: [200, 4_000],
    weight: 0.7,
    async begin({ system: { kafka } }) {
      await kafka.kill();
      return { target: "kafka", allowance: kafkaIsAway, heal: () => kafka.restart() };
    },
  },
];
