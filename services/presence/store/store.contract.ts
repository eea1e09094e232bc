import { closing } from "./contract/closing.contract.ts";
import { expiry } from "./contract/expiry.contract.ts";
import { fencing } from "./contract/fencing.contract.ts";
import { grace } from "./contract/grace.contract.ts";
import { identity } from "./contract/identity.contract.ts";
import { leases } from "./contract/leases.contract.ts";
import { legacy } from "./contract/legacy.contract.ts";
import { listing } from "./contract/listing.contract.ts";
import { log } from "./contract/log.contract.ts";
import { publishing } from "./contract/publishing.contract.ts";
import { reading } from "./contract/reading.contract.ts";
import { registering } from "./contract/registering.contract.ts";
import { restating } from "./contract/restating.contract.ts";
import { status } from "./contract/status.contract.ts";
import type { OpenStore } from "./contract/store-harness.ts";
import { transitions } from "./contract/transitions.contract.ts";

/**
 * What every store promises, one sentence a test (docs: the promises P1 to P7). A store's test file calls
 * `storeContract` with a way to open a store of its kind and to move its time.
 */
export function storeContract(open: OpenStore): void {
  transitions(open);
  registering(open);
  fencing(open);
  legacy(open);
  grace(open);
  expiry(open);
  leases(open);
  closing(open);
  identity(open);
  reading(open);
  listing(open);
  log(open);
  publishing(open);
  restating(open);
  status(open);
}
