import type { SessionState } from "./session-handle.ts";

/**
 * What happens to a session, as a pure function: the lifecycle and an event go in, the next lifecycle and what there is
 * to do come out. SessionKeeper performs the effects, and knows the clock, the calls and the other sessions.
 *
 *            registered                 heartbeat: missing
 *  registering ────────────► online ──────────────────────────► returning
 *                              ▲                                    │
 *                              └───────────── registered ───────────┘
 *
 *  registering, online, returning (live) ── closed ─────────────────────────────────► closing
 *  closing ── unregistered, nothing to tell, dropped ────────────────────────────────► closed
 *  live ── replaced here; presence says so ──────────────────────────────────────────► superseded
 *  live ── presence does not take it ────────────────────────────────────────────────► refused
 *  live ── an operator closed it ────────────────────────────────────────────────────► forced
 *
 * closed, superseded, refused and forced are over: nothing follows but the answer to a call that was under way.
 */
export interface Lifecycle {
  readonly state: SessionState;
  readonly turn: Turn;
  readonly known: Known;
}

/**
 * Presence must hear of a device's sessions in the order in which they were opened, or the older one would win:
 * - `free`: it may tell presence
 * - `queued`: a registration of the device is under way; its answer releases this session
 * - `registering`: its own registration is under way, also when it was closed or replaced meanwhile
 */
type Turn = "free" | "queued" | "registering";

/** What presence has of the device by this session, as far as is known here. */
export type Known =
  /**
   * No registration was answered. `tokenBefore`: of the device's session before, if presence may still have that one;
   * else empty. `isUncertain`: one failed in a way that leaves open whether presence carried it out.
   */
  | { readonly kind: "unregistered"; readonly tokenBefore: string; readonly isUncertain: boolean }
  | { readonly kind: "registered"; readonly token: string };

export type SessionEvent =
  /** A session of the same device was replaced by this one, which takes over what is known of it. */
  | { readonly kind: "succeeds"; readonly known: Known }
  /** A registration of the device is under way. */
  | { readonly kind: "must-wait" }
  /** That registration was answered. */
  | { readonly kind: "released" }
  /** Its own registration is sent. */
  | { readonly kind: "sent" }
  | { readonly kind: "registered"; readonly token: string }
  | { readonly kind: "registration-failed"; readonly why: RegistrationFailure }
  | { readonly kind: "unregistered" }
  | { readonly kind: "unregistration-failed"; readonly why: "refused" | "unanswered" }
  /** What presence said to a heartbeat. */
  | { readonly kind: "missing" | "superseded" }
  /** An operator had presence end it. */
  | { readonly kind: "forced" }
  /** The socket is closed. */
  | { readonly kind: "closed" }
  /** A newer socket of the device opened here. */
  | { readonly kind: "replaced" }
  /** Presence ends it by itself, or no keeper is left to tell presence. */
  | { readonly kind: "dropped" };

/**
 * `superseded`, `refused`, `forced`: the answer would be the same again. `unanswered`: presence may have carried it out. `no-lease`:
 * the lease that it was to be under is not open; nothing was changed.
 */
export type RegistrationFailure = "superseded" | "refused" | "forced" | "unanswered" | "no-lease";

export type Effect =
  /** Put it in the outbox: it has something to tell presence. `tell-again`: after a while, since it failed. */
  | "tell"
  | "tell-again"
  /** It sends heartbeats from now on. */
  | "beat"
  /** It sends no heartbeats, and waits in the outbox no more. */
  | "withdraw"
  /** Find out whether the successor lives: only then the client has to stay away. */
  | "find-successor"
  /** Presence was not told of its end. */
  | "count-dropped";

interface Step {
  readonly lifecycle: Lifecycle;
  readonly effects: readonly Effect[];
}

export const opened: Lifecycle = {
  state: "registering",
  turn: "free",
  known: { kind: "unregistered", tokenBefore: "", isUncertain: false },
};

/** Presence is to keep it, or to get it. */
export function isLive({ state }: Lifecycle): boolean {
  return state === "registering" || state === "online" || state === "returning";
}

/** Names the session that presence has of this device, as far as is known; empty: none. */
export function tokenOf(known: Known): string {
  return known.kind === "registered" ? known.token : known.tokenBefore;
}

export function isUncertain(known: Known): boolean {
  return known.kind === "unregistered" && known.isUncertain;
}

export function next(lifecycle: Lifecycle, event: SessionEvent): Step {
  switch (event.kind) {
    case "succeeds":
      return stay({ ...lifecycle, known: inherited(lifecycle.known, event.known) });
    case "must-wait":
      return stay({ ...lifecycle, turn: "queued" });
    case "released":
      return goOn({ ...lifecycle, turn: "free" });
    case "sent":
      return stay({ ...lifecycle, turn: "registering" });
    case "registered":
      return registered({ ...lifecycle, turn: "free", known: { kind: "registered", token: event.token } });
    case "registration-failed":
      return registrationFailed({ ...lifecycle, turn: "free" }, event.why);
    case "unregistered":
      return isUncertain(lifecycle.known) ? drop(lifecycle) : end(lifecycle, "closed");
    case "unregistration-failed":
      return event.why === "refused" ? drop(lifecycle) : goOn(lifecycle, "tell-again");
    case "missing":
      return lifecycle.state === "online"
        ? { lifecycle: { ...lifecycle, state: "returning" }, effects: ["withdraw", "tell"] }
        : stay(lifecycle);
    case "superseded":
      return superseded(lifecycle);
    case "forced":
      return isLive(lifecycle) ? end(lifecycle, "forced") : stay(lifecycle);
    case "closed":
      return closed(lifecycle);
    case "replaced":
      return replaced(lifecycle);
    case "dropped":
      return drop(lifecycle);
  }
}

/** Presence may still have the session before; an end before that must end that one. */
function inherited(own: Known, before: Known): Known {
  if (own.kind === "registered") return own;
  return { kind: "unregistered", tokenBefore: tokenOf(before), isUncertain: isUncertain(before) };
}

function registered(lifecycle: Lifecycle): Step {
  if (!isLive(lifecycle)) return goOn(lifecycle);
  return { lifecycle: { ...lifecycle, state: "online" }, effects: ["beat"] };
}

function registrationFailed(lifecycle: Lifecycle, why: RegistrationFailure): Step {
  if (why === "superseded") return isLive(lifecycle) ? superseded(lifecycle) : end(lifecycle, "closed");
  if (why === "refused") return end(lifecycle, isLive(lifecycle) ? "refused" : "closed");
  if (why === "forced") return end(lifecycle, isLive(lifecycle) ? "forced" : "closed");
  if (why === "no-lease") return goOn(lifecycle);
  const { known } = lifecycle;
  // One that comes back keeps its token.
  const after: Known = known.kind === "registered" ? known : { ...known, isUncertain: true };
  return goOn({ ...lifecycle, known: after }, "tell-again");
}

function closed(lifecycle: Lifecycle): Step {
  if (!isLive(lifecycle)) return stay(lifecycle);
  const closing: Lifecycle = { ...lifecycle, state: "closing" };
  const step = closing.turn === "free" ? goOn(closing) : stay(closing);
  return step.lifecycle.state === "closed" ? step : { ...step, effects: ["withdraw", ...step.effects] };
}

/** One that was closed while it was queued leaves it to the newer one to tell presence. */
function replaced(lifecycle: Lifecycle): Step {
  const state = isLive(lifecycle) ? "superseded" : "closed";
  return end({ ...lifecycle, turn: lifecycle.turn === "queued" ? "free" : lifecycle.turn }, state);
}

/** Of one that was closed nobody is left who would have to know by whom. */
function superseded(lifecycle: Lifecycle): Step {
  const step = end(lifecycle, "superseded");
  return isLive(lifecycle) ? also("find-successor", step, lifecycle) : step;
}

/** What is left to tell presence. */
function goOn(lifecycle: Lifecycle, how: "tell" | "tell-again" = "tell"): Step {
  if (isLive(lifecycle)) return { lifecycle, effects: [how] };
  if (lifecycle.state !== "closing") return stay(lifecycle);
  if (tokenOf(lifecycle.known) !== "") return { lifecycle, effects: [how] };
  // Only registering once more would tell the token; and could replace a session that came since, elsewhere.
  return isUncertain(lifecycle.known) ? drop(lifecycle) : end(lifecycle, "closed");
}

function drop(lifecycle: Lifecycle): Step {
  return also("count-dropped", end(lifecycle, "closed"), lifecycle);
}

function end(lifecycle: Lifecycle, state: "closed" | "superseded" | "refused" | "forced"): Step {
  if (!isLive(lifecycle) && lifecycle.state !== "closing") return stay(lifecycle);
  return { lifecycle: { ...lifecycle, state }, effects: ["withdraw"] };
}

function stay(lifecycle: Lifecycle): Step {
  return { lifecycle, effects: none };
}

/** One effect more, unless nothing has changed. */
function also(effect: Effect, step: Step, before: Lifecycle): Step {
  return step.lifecycle === before ? step : { ...step, effects: [...step.effects, effect] };
}

const none: readonly never[] = [];
