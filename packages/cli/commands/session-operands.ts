import type { Operand } from "../command.ts";

/** A session is named by its user and its device. */
export const sessionOperands: readonly Operand[] = [
  { name: "USER", times: "once" },
  { name: "DEVICE", times: "once" },
];

/** What the operands were, as the fields of a request. */
export function sessionOf(operands: readonly string[]): { userId: string; deviceId: string } {
  const [userId = "", deviceId = ""] = operands;
  return { userId, deviceId };
}
