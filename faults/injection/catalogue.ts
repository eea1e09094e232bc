import type { FaultKind } from "./fault-kind.ts";
import { gatewayFaults } from "./gateway-faults.ts";
import { groupFaults } from "./group-faults.ts";
import { kafkaFaults } from "./kafka-faults.ts";
import { flapFaults, linkFaults } from "./link-faults.ts";
import { nodeFaults } from "./node-faults.ts";
import { lossFaults, redisFaults } from "./redis-faults.ts";

/** Faults that lose nothing that the store had, on links that are up or down. */
export const withoutLoss: readonly FaultKind[] = [
  ...nodeFaults,
  ...redisFaults,
  ...linkFaults,
  ...kafkaFaults,
  ...gatewayFaults,
];

/** Every way in which the system is harmed. */
export const catalogue: readonly FaultKind[] = [...withoutLoss, ...lossFaults, ...groupFaults, ...flapFaults];
