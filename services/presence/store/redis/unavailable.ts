import { PresenceError } from "../../domain/presence-error.ts";

/** Advice to callers, ms: reconnecting takes about as long when Redis is there. */
const retryAfterMs = 500;

/**
 * What the port's callers are told when Redis cannot answer: never a guess (P5).
 * @param message begins with where Redis is
 */
export function unavailable(message: string, options: ErrorOptions): PresenceError {
  return new PresenceError("UNAVAILABLE", `the store at ${message}`, { ...options, retryAfterMs });
}
