import { type SessionRef, sessionIdOf, type UserRecord } from "./session.ts";

/**
 * What an operator's CloseSessions leaves behind, so that what it ended does not come back: a block of the user or of a device,
 * for as long as the operator said; else of each connection that it closed, which never comes back. Nothing of a blocked user,
 * device or connection can register. Pure; change/close.lua and change/check-blocks.lua say the same.
 */
export interface Block {
  /** What the operator said; clients are told. */
  readonly reason: string;
  /** Shard clock, ms: then it is over, and forgotten. */
  readonly untilMs: number;
}

/** What a block tells those whom it refuses. */
export interface Refusal {
  readonly reason: string;
  /** What is left of it, ms of shard clock; undefined: the connection was closed, for good. */
  readonly leftMs: number | undefined;
}

/** Bytes of UTF-8: with a close code's text in front of it, a reason fits into a close frame (RFC 6455 §5.5: 123). */
export const reasonMaxBytes = 100;

/** How long a block may last at most, ms: 30 days. The least is a second. */
export const blockMaxMs = 30 * 86_400_000;
export const blockMinMs = 1_000;

/** What may be blocked that concerns a call, in the order in which it counts; ids never hold NUL. */
export function subjectsOf(userId: string, deviceId: string, connectionId: string): readonly [string, string, string] {
  const device = `${userId}\0${deviceId}`;
  return [userId, device, `${device}\0${connectionId}`];
}

/** @param blocks of what `subjectsOf` names */
export function refusalBy(
  [user, device, connection]: readonly (Block | undefined)[],
  clockMs: number,
): Refusal | undefined {
  for (const block of [user, device]) {
    if (block !== undefined && block.untilMs > clockMs) {
      return { reason: block.reason, leftMs: block.untilMs - clockMs };
    }
  }
  if (connection === undefined || connection.untilMs <= clockMs) return undefined;
  return { reason: connection.reason, leftMs: undefined };
}

/** See Rules. */
interface BlockRules {
  readonly memoryMs: number;
  readonly leasedTtlMs: number;
}

/** What to close: a user, a device, or a session. */
export interface Closing {
  readonly userId: string;
  /** Empty: every one. */
  readonly deviceId: string;
  /** Empty: whichever. */
  readonly sessionId: string;
  readonly reason: string;
  /** How long the user or the device is blocked, ms of shard clock; undefined: not at all. */
  readonly blockMs: number | undefined;
}

type ClosedSession = SessionRef & { readonly leaseId: string | undefined };

interface ClosingDecision {
  /** By device_id. To be ended with reason FORCED, one after the other: the last takes the user offline. */
  readonly sessions: readonly ClosedSession[];
  /** By subject. Each replaces the one that there is. */
  readonly blocks: ReadonlyMap<string, Block>;
}

export function decideClosing(
  record: UserRecord | undefined,
  closing: Closing,
  clockMs: number,
  rules: BlockRules,
): ClosingDecision {
  const { userId, deviceId, sessionId, reason, blockMs } = closing;
  const sessions: ClosedSession[] = [];
  const blocks = new Map<string, Block>();
  for (const [itsDevice, { current }] of record?.devices ?? []) {
    if (current === undefined || (deviceId !== "" && deviceId !== itsDevice)) continue;
    const itsId = sessionIdOf(current.session);
    if (sessionId !== "" && sessionId !== itsId) continue;
    sessions.push({ userId, deviceId: itsDevice, sessionId: itsId, leaseId: current.leaseId });
    const { connectionId } = current.session;
    const [, device, connection] = subjectsOf(userId, itsDevice, connectionId);
    if (blockMs !== undefined) {
      if (sessionId !== "") blocks.set(device, { reason, untilMs: clockMs + blockMs });
    } else if (connectionId !== "") {
      blocks.set(connection, { reason, untilMs: clockMs + closedMemoryMs(rules) });
    }
  }
  if (blockMs !== undefined && sessionId === "") {
    const [user, device] = subjectsOf(userId, deviceId, "");
    blocks.set(deviceId === "" ? user : device, { reason, untilMs: clockMs + blockMs });
  }
  sessions.sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1));
  return { sessions, blocks };
}

/** Until whoever holds the connection has heard of it: a session under a lease is verified seldom. */
export function closedMemoryMs({ memoryMs, leasedTtlMs }: BlockRules): number {
  return Math.max(memoryMs, leasedTtlMs);
}
