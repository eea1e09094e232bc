import type { presence } from "@realchat/presence-proto";
import { durationMs } from "@realchat/presence-proto";
import { backoffMs } from "@realchat/presence-runtime/backoff";
import { type Clock, pause } from "@realchat/presence-runtime/clock";
import { CliError, type CliErrorCode } from "./cli-error.ts";
import type { PresenceApi } from "./presence-api.ts";

export interface HeldSession {
  readonly userId: string;
  readonly deviceId: string;
  readonly instanceId: string;
  /** Unique name of the socket that we pretend to have. */
  readonly connectionId: string;
  /** Told to the server at the end. */
  readonly reason: presence.DisconnectReason;
}

/** What happens to a held session, in the order in which it does. */
export type HoldNews =
  | { readonly kind: "registered"; readonly sessionId: string; readonly heartbeatMs: number }
  /** It was gone, and is back. */
  | { readonly kind: "registered-again"; readonly sessionId: string; readonly heartbeatMs: number }
  | { readonly kind: "trouble"; readonly error: CliError }
  | { readonly kind: "trouble-over" }
  | { readonly kind: "ended" };

interface HoldSurroundings {
  readonly api: PresenceApi;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly stop: AbortSignal;
  tell(news: HoldNews): void;
}

/**
 * Registers the session and keeps it alive, at the pace that the server dictates, until it is told to stop; then ends
 * it. Once it is registered it outlives every outage: a gateway must try again within 5 s.
 * @throws CliError when it cannot be registered to begin with, was superseded, or is refused for good
 */
export async function holdSession(session: HeldSession, surroundings: HoldSurroundings): Promise<void> {
  const { api, clock, timeoutMs, stop, tell } = surroundings;
  const { userId, deviceId, instanceId, connectionId, reason } = session;
  const options = { timeoutMs };
  const register = async (previousSessionId: string) => {
    const registration = { userId, deviceId, instanceId, connectionId, previousSessionId };
    const { sessionId, heartbeatInterval } = await api.registerSession(registration, options);
    return { sessionId, heartbeatMs: heartbeatInterval ? durationMs(heartbeatInterval) : defaultHeartbeatMs };
  };

  let { sessionId, heartbeatMs } = await register("");
  tell({ kind: "registered", sessionId, heartbeatMs });
  // The first heartbeat comes early, by chance, so that many sessions do not go on in step.
  let waitMs = heartbeatMs * clock.random();
  let isGone = false;
  let failures = 0;

  for (;;) {
    await pause(clock, waitMs, stop);
    if (stop.aborted) break;
    try {
      if (isGone) {
        ({ sessionId, heartbeatMs } = await register(sessionId));
        isGone = false;
        tell({ kind: "registered-again", sessionId, heartbeatMs });
      } else {
        const { heartbeatInterval } = await api.refreshSession({ userId, deviceId, sessionId }, options);
        if (heartbeatInterval) heartbeatMs = durationMs(heartbeatInterval);
        if (failures > 0) tell({ kind: "trouble-over" });
      }
      failures = 0;
      waitMs = heartbeatMs;
    } catch (error) {
      if (!(error instanceof CliError)) throw error;
      if (error.code === "NOT_FOUND" && !isGone) {
        isGone = true;
        waitMs = 0;
      } else if (passing.has(error.code)) {
        if (failures === 0) tell({ kind: "trouble", error });
        waitMs = backoffMs(failures++, retryLimits, clock);
      } else {
        throw error;
      }
    }
  }
  await api.unregisterSession({ userId, deviceId, sessionId, reason }, options);
  tell({ kind: "ended" });
}

/** A third of the default TTL, for a server that says nothing. */
const defaultHeartbeatMs = 20_000;

/** Failures that pass by themselves; the others mean that the session is over or never could be. */
const passing: ReadonlySet<CliErrorCode> = new Set([
  "UNREACHABLE",
  "UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "RESOURCE_EXHAUSTED",
  // What calls under way end with when a server goes down.
  "CANCELLED",
  "INTERNAL",
]);

/** P6: a caller that lost the service tries again within 5 s. */
const retryLimits = { firstMs: 500, capMs: 4_000 };
