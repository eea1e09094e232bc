import { type Activity, idleMinMs } from "./activity.ts";

/** What is known of whether a user attends, and wants to; see ShouldNotify in docs/contract.md. */
export interface Attention {
  /** By the user's claims, online or offline. */
  readonly isDoNotDisturb: boolean;
  /** Some live session said that its device is in use. */
  readonly isActive: boolean;
  /** Some session said so and has lost its connection: it may be back at once. */
  readonly isInterrupted: boolean;
  /** Since when the last session to become idle is; wall clock, ms; 0: none is. */
  readonly idleSinceMs: number;
}

/** Of a user none of whose sessions said anything. */
export function withoutAttention(isDoNotDisturb: boolean): Attention {
  return { isDoNotDisturb, isActive: false, isInterrupted: false, idleSinceMs: 0 };
}

/** With one more session. @param isConnected whether it is live, as far as is known */
export function attentionWith(
  attention: Attention | undefined,
  { idleSinceMs }: Activity,
  isConnected: boolean,
): Attention {
  const before = attention ?? withoutAttention(false);
  const isInUse = idleSinceMs === 0;
  return {
    ...before,
    isActive: before.isActive || (isInUse && isConnected),
    isInterrupted: before.isInterrupted || (isInUse && !isConnected),
    idleSinceMs: Math.max(before.idleSinceMs, idleSinceMs),
  };
}

export type Notify =
  | { readonly decision: "NOW"; readonly reason: "absent" | "idle" | "unknown" }
  | { readonly decision: "LATER"; readonly reason: "attended"; readonly afterMs: number }
  | { readonly decision: "NOT"; readonly reason: "active" | "do-not-disturb" };

/** For how long whoever left the device may come back to it before somebody is notified elsewhere, ms. */
export const attendedMs = 2 * idleMinMs;

/**
 * Never NOT for a user who attends nowhere and did not ask for peace.
 * @param attention undefined: nothing was ever said
 * @param graceMs for how long a lost connection is waited for
 */
export function decideNotify(attention: Attention | undefined, nowMs: number, graceMs: number): Notify {
  if (attention === undefined) return { decision: "NOW", reason: "absent" };
  const { isDoNotDisturb, isActive, isInterrupted, idleSinceMs } = attention;
  if (isDoNotDisturb) return { decision: "NOT", reason: "do-not-disturb" };
  if (isActive) return { decision: "NOT", reason: "active" };
  const leftMs = Math.min(idleSinceMs + attendedMs - nowMs, attendedMs);
  const afterMs = Math.max(isInterrupted ? graceMs : 0, idleSinceMs > 0 ? leftMs : 0);
  if (afterMs > 0) return { decision: "LATER", reason: "attended", afterMs };
  return { decision: "NOW", reason: idleSinceMs > 0 ? "idle" : "absent" };
}
