/** What a session_id stands for. */
export interface ModelToken {
  readonly order: number;
  readonly connectionId: string;
}

/** `sequence` 0: none. */
export interface ModelActivity {
  readonly idle: "used" | "short" | "long";
  readonly sequence: number;
}

export interface ModelSession extends ModelToken {
  activity: ModelActivity | undefined;
  readonly instanceId: string;
  readonly contestedUntilMs: number;
  /** Empty: under none. */
  leaseId: string;
  state: "live" | "grace" | "ended" | "replaced" | "expired";
  deadlineMs: number;
  endedAtMs: number;
}

/** By user and device; a device's newest session first. */
export type Users = Map<string, Map<string, ModelSession[]>>;

export function isCurrent({ state }: ModelSession): boolean {
  return state === "live" || state === "grace";
}

export function isSame(a: ModelToken, b: ModelToken): boolean {
  return a.order === b.order && a.connectionId === b.connectionId;
}

/** Whether the session registered later than the token's, or replaced a session that was the token's own. */
export function isNewer(session: ModelSession, token: ModelToken): boolean {
  const { connectionId } = token;
  const isItself = connectionId !== "" && session.connectionId === connectionId;
  if (session.order > token.order && !isItself) return true;
  return session.state === "replaced" && session.connectionId === connectionId && session.order >= token.order;
}

export function tokenOf({ order, connectionId }: ModelToken): ModelToken {
  return { order, connectionId };
}
