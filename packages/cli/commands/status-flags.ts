import type { Operand } from "../command.ts";
import { identifier } from "./session-flags.ts";

/** What a user says of himself; all other claims are automatic. */
export const selfClaim = "self";

export const claim = {
  kind: identifier,
  default: selfClaim,
  meaning: "who says it: self is the user, all others are automatic, such as calendar",
} as const;

export const userOperand: readonly Operand[] = [{ name: "USER", times: "once" }];
