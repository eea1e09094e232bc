import type { Allowance } from "../history/injected-fault.ts";
import type { FaultKind } from "./fault-kind.ts";

/** Its pages wait for it, and a moment longer until they have connected again. */
const pagesWait: Allowance = { page: { part: "whole", afterMs: 3_000 }, unavailableAfterMs: 0 };

/** The gateway with the pages. */
export const deliveryFaults: readonly FaultKind[] = [
  {
    name: "delivery.kill",
    lastsMs: [300, 4_000],
    weight: 1,
    async begin({ system: { delivery } }) {
      await delivery.kill();
      return { target: "delivery", allowance: pagesWait, heal: () => delivery.start() };
    },
  },
  {
    name: "delivery.freeze",
    lastsMs: [500, 8_000],
    weight: 1,
    begin({ system: { delivery } }) {
      delivery.freeze();
      return { target: "delivery", allowance: pagesWait, heal: () => delivery.resume() };
    },
  },
];
