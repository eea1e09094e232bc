import { setFlagsFromString } from "node:v8";

/**
 * Lets V8 give a function to its last compiler after 30,000 calls, not 3,000. What its compiler before that makes is nearly as
 * fast for a gateway, and one that has just started is busiest, when the clients of others come to it: docs/adr/0032-what-a-connect-costs.md.
 */
export function optimiseLater(): void {
  setFlagsFromString("--invocation-count-for-turbofan=30000");
}
