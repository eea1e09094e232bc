import { clockFaults } from "./clock-faults.ts";
import { deliveryFaults } from "./delivery-faults.ts";
import type { FaultKind } from "./fault-kind.ts";
import { gatewayFaults } from "./gateway-faults.ts";
import { groupFaults } from "./group-faults.ts";
import { kafkaFaults } from "./kafka-faults.ts";
import { linkFaults } from "./link-faults.ts";
import { nodeFaults } from "./node-faults.ts";
import { redisFaults } from "./redis-faults.ts";

/** Every way in which the system is harmed. */
export const catalogue: readonly FaultKind[] = [
  ...nodeFaults,
  ...redisFaults,
  ...groupFaults,
  ...linkFaults,
  ...kafkaFaults,
  ...gatewayFaults,
  ...deliveryFaults,
  ...clockFaults,
];
