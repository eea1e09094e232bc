import { describe } from "node:test";
import { ContractHarness, type StartNodes } from "./contract-harness.ts";
import { control } from "./control.contract.ts";
import { grace } from "./grace.contract.ts";
import { leases, withoutLeases } from "./leases.contract.ts";
import { legacy } from "./legacy.contract.ts";
import { limits } from "./limits.contract.ts";
import { reading } from "./reading.contract.ts";
import { sessions } from "./sessions.contract.ts";
import { standardServices } from "./standard-services.contract.ts";
import { status } from "./status.contract.ts";

/** What callers of the gRPC contract may rely on, whatever presence runs on. */
export function presenceApiContract(start: StartNodes): void {
  presenceApiCore(start);
  legacy(start);
  grace(start);
  leases(start);
  withoutLeases(start);
  describe("by default", () => {
    const harness = ContractHarness.start(start);
    control(harness);
    limits(harness);
    status(harness);
    standardServices(harness);
  });
}

/** Of these, what depends on how the store is reached: calls and watches on every shard. */
export function presenceApiCore(start: StartNodes): void {
  sessions(start);
  reading(start);
}
