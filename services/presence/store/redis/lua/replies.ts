import { invariant } from "../../../domain/invariant.ts";
import type { Reply } from "../define-script.ts";

/** Reads an integer reply. */
export function integer(reply: Reply | undefined): number {
  const value = Number(reply);
  invariant(Number.isSafeInteger(value), `expected an integer, Redis replied ${JSON.stringify(reply)}`);
  return value;
}

/** Reads a string reply. */
export function text(reply: Reply | undefined): string {
  invariant(typeof reply === "string", `expected a string, Redis replied ${JSON.stringify(reply)}`);
  return reply;
}

/** Reads an array reply. */
export function list(reply: Reply | undefined): readonly Reply[] {
  invariant(Array.isArray(reply), `expected an array, Redis replied ${JSON.stringify(reply)}`);
  return reply;
}
