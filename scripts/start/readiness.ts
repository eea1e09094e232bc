import { type Clock, pause } from "@realchat/presence-runtime/clock";

const LOOK_EVERY_MS = 50;
const PATIENCE_MS = 10_000;

/**
 * Resolves once the service's health endpoint says that it is ready, or the signal aborts.
 * @param origin of its operations server, such as `http://127.0.0.1:8096`
 * @param say hears, when it takes long, what the endpoint says instead
 */
export async function untilReady(
  origin: string,
  clock: Clock,
  say: (what: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const beginMs = clock.monotonicMs();
  let hasSaid = false;
  while (!signal.aborted) {
    const answer = await look(`${origin}/health/ready`);
    if (answer === "ready") return;
    if (!hasSaid && clock.monotonicMs() - beginMs > PATIENCE_MS) {
      hasSaid = true;
      say(answer);
    }
    await pause(clock, LOOK_EVERY_MS, signal);
  }
}

async function look(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    const text = await response.text();
    return response.ok ? "ready" : text.trim();
  } catch {
    return `${url} does not answer`;
  }
}
