/**
 * A gateway's lease at presence, as a pure function: the lease and an event go in, the next lease and what there is to do
 * come out. GatewayLease performs the effects, and knows the clock and the calls.
 *
 *            opened
 *  opening ──────────► open ── missing ──────────────────────────────► opening
 *     │  ▲              │  └── closed by somebody else ──► renewed ──► opening
 *     │  │              ▼
 *     │  └─ later ─ unsupported: presence has no leases, sessions are kept one by one
 *     └────────────────►
 *
 *  any ── ended: the process says good-bye ──► ended, for good
 *
 * One call is under way at a time: OpenLease, or KeepLease while it is open.
 */
export interface Lease {
  readonly state: LeaseState;
  /** What the last full answer said of the shards' begins; undefined before there was one. */
  readonly begins: number | undefined;
  /** When the last call was sent that was answered in full, and the last that was answered at all, ms of uptime. */
  readonly fullMs: number;
  readonly answeredMs: number;
  /** When OpenLease was answered last, ms of uptime. */
  readonly openedMs: number;
  /** How long it lives without KeepLease. */
  readonly ttlMs: number;
}

export type LeaseState = "opening" | "open" | "unsupported" | "ended";

/** What presence said, and when it was asked and answered, ms of uptime: time that a machine is suspended counts. */
export interface LeaseAnswer {
  readonly sentMs: number;
  readonly atMs: number;
  readonly heartbeatIntervalMs: number;
  readonly begins: number;
  /** Some shard could not answer. */
  readonly partial: boolean;
}

export type LeaseEvent =
  | { readonly kind: "opened"; readonly answer: LeaseAnswer; readonly ttlMs: number }
  /** `missing`: in some shard the lease is not open. */
  | { readonly kind: "kept"; readonly answer: LeaseAnswer; readonly missing: boolean }
  /** The call failed, or was not answered in time. */
  | { readonly kind: "failed"; readonly atMs: number }
  /** Presence has no leases, or not yet. */
  | { readonly kind: "unimplemented" }
  /** Somebody said good-bye in its name. */
  | { readonly kind: "closed"; readonly atMs: number }
  /** A session was told that the lease is not open for it, to a call of then, ms of uptime. */
  | { readonly kind: "missed"; readonly sentMs: number; readonly atMs: number }
  | { readonly kind: "ended" };

export type LeaseEffect =
  /** Call presence about the lease, instead of what was put off before. */
  | { readonly kind: "call"; readonly afterMs: number }
  /** Verify all sessions, in calls from now on. */
  | { readonly kind: "verify-all" }
  /** Presence may have lost more than the lease. */
  | { readonly kind: "perhaps-lost" }
  /** From now on it has another lease_id. */
  | { readonly kind: "renew" }
  /** Sessions under it have to be kept one by one. */
  | { readonly kind: "release" };

interface Step {
  readonly lease: Lease;
  readonly effects: readonly LeaseEffect[];
}

export const unopened: Lease = {
  state: "opening",
  begins: undefined,
  fullMs: 0,
  answeredMs: 0,
  openedMs: Number.NEGATIVE_INFINITY,
  ttlMs: 0,
};

const perhapsLost: LeaseEffect = { kind: "perhaps-lost" };

/** After a failed call, a partial answer, and at least between two OpenLease calls, ms. */
const againMs = 1_000;
/** After a failed call when there is nothing to save, ms. P6: who lost presence tries again within 5 s. */
const awayMs = 4_000;
/** Until a presence without leases is asked again: a rolling upgrade may be over. */
const supportMs = 60_000;
/** So much less than its TTL a lease may go unkept before its sessions are doubted, ms. */
const gapMarginMs = 2_000;

export function next(lease: Lease, event: LeaseEvent): Step {
  if (lease.state === "ended") return { lease, effects: [] };
  switch (event.kind) {
    case "opened": {
      const opened: Lease = { ...lease, state: "open", ttlMs: event.ttlMs, openedMs: event.answer.atMs };
      // The first one, too: sessions may have been registered without.
      const effects: LeaseEffect[] = [{ kind: "verify-all" }, callAfter(event.answer)];
      const isFirst = lease.openedMs === unopened.openedMs;
      return { lease: heard(opened, event.answer), effects: isFirst ? effects : [perhapsLost, ...effects] };
    }
    case "kept":
      return kept(lease, event.answer, event.missing);
    case "failed":
      return { lease, effects: [{ kind: "call", afterMs: mayLive(lease, event.atMs) ? againMs : awayMs }] };
    case "unimplemented":
      return unimplemented(lease);
    case "closed": {
      const { afterMs } = reopen(lease, event.atMs);
      return {
        lease: { ...unopened, openedMs: lease.openedMs },
        effects: [{ kind: "renew" }, { kind: "call", afterMs }],
      };
    }
    case "missed":
      // A call of before the last OpenLease was answered says nothing of after.
      if (lease.state !== "open" || event.sentMs < lease.openedMs) return { lease, effects: [] };
      return { lease: { ...lease, state: "opening" }, effects: [reopen(lease, event.atMs)] };
    case "ended":
      return { lease: { ...lease, state: "ended" }, effects: [] };
  }
}

function kept(lease: Lease, answer: LeaseAnswer, missing: boolean): Step {
  // A session may have missed it while this was asked.
  if (missing || lease.state !== "open") {
    return { lease: { ...heard(lease, answer), state: "opening" }, effects: [reopen(lease, answer.atMs)] };
  }
  const begun: LeaseEffect[] = hasBegun(lease, answer) ? [perhapsLost] : [];
  const isDoubtful = isGap(lease, answer) || begun.length > 0;
  const doubted: LeaseEffect[] = isDoubtful ? [{ kind: "verify-all" }] : [];
  return { lease: heard(lease, answer), effects: [...begun, ...doubted, callAfter(answer)] };
}

/** A node of a release without leases need not be asked to keep one: others are there. */
function unimplemented(lease: Lease): Step {
  if (lease.state === "open") return { lease, effects: [{ kind: "call", afterMs: againMs }] };
  const wasOpen = lease.openedMs > unopened.openedMs;
  const effects: LeaseEffect[] = [{ kind: "call", afterMs: supportMs }];
  return {
    lease: { ...unopened, state: "unsupported" },
    effects: wasOpen ? [{ kind: "release" }, ...effects] : effects,
  };
}

function mayLive({ answeredMs, ttlMs }: Lease, nowMs: number): boolean {
  return nowMs - answeredMs < ttlMs;
}

/** The lease may have been lost and opened again meanwhile, by a call that came late. */
function isGap({ fullMs, answeredMs, ttlMs }: Lease, { atMs, partial }: LeaseAnswer): boolean {
  return atMs - (partial ? answeredMs : fullMs) > ttlMs - gapMarginMs;
}

/** A shard may have lost data. */
function hasBegun({ begins: before }: Lease, { begins, partial }: LeaseAnswer): boolean {
  return !partial && before !== undefined && begins !== before;
}

function heard(lease: Lease, { sentMs, begins, partial }: LeaseAnswer): Lease {
  const answered = { ...lease, answeredMs: sentMs };
  return partial ? answered : { ...answered, begins, fullMs: sentMs };
}

function callAfter({ sentMs, atMs, heartbeatIntervalMs, partial }: LeaseAnswer): LeaseEffect {
  const afterMs = Math.max(0, sentMs + heartbeatIntervalMs - atMs);
  return { kind: "call", afterMs: partial ? Math.min(againMs, afterMs) : afterMs };
}

function reopen({ openedMs }: Lease, nowMs: number): Extract<LeaseEffect, { kind: "call" }> {
  return { kind: "call", afterMs: Math.max(0, openedMs + againMs - nowMs) };
}
