import type { Clock } from "@realchat/presence-runtime/clock";

const firstMs = 1_000;
const capMs = 30_000;
const laterAttempt = 3;

/**
 * How long the web client waits before it connects again: packages/web-client/presence-client.js.
 * @param attempt 0 for the first after a connection
 * @param isLater the gateway asked to be left alone for a while
 */
export function retryMs(attempt: number, isLater: boolean, { random }: Pick<Clock, "random">): number {
  const longestMs = Math.min(capMs, firstMs * 2 ** (isLater ? Math.max(attempt, laterAttempt) : attempt));
  const shortestMs = isLater ? longestMs / 2 : 0;
  return shortestMs + random() * (longestMs - shortestMs);
}
