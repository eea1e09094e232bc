import type { StartNodes } from "./contract-harness.ts";
import { grace } from "./grace.contract.ts";
import { legacy } from "./legacy.contract.ts";
import { limits } from "./limits.contract.ts";
import { reading } from "./reading.contract.ts";
import { sessions } from "./sessions.contract.ts";
import { standardServices } from "./standard-services.contract.ts";

/** What callers of the gRPC contract may rely on, whatever presence runs on. */
export function presenceApiContract(start: StartNodes): void {
  sessions(start);
  reading(start);
  legacy(start);
  grace(start);
  limits(start);
  standardServices(start);
}
