import type { Span } from "@realchat/presence-runtime/tracer";
import { type ClosedByOperator, PresenceClientError } from "../presence-client-error.ts";
import { type OnListenerError, tell } from "../tell.ts";
import type {
  Activity,
  CloseReason,
  SessionHandle,
  SessionListener,
  SessionState,
  Successor,
} from "./session-handle.ts";
import { deviceKey } from "./session-ids.ts";
import { isLive, isUncertain, type Lifecycle, opened, tokenOf } from "./session-lifecycle.ts";

/** What a handle asks of its keeper; the same for all sessions. */
export interface SessionOwner {
  close(session: HeldSession, reason: CloseReason | undefined): void;
  setActivity(session: HeldSession, activity: Activity): void;
  readonly onListenerError: OnListenerError;
}

/** What the keeper writes down about a session, and the handle that its owner has. */
export class HeldSession implements SessionHandle {
  readonly userId: string;
  readonly deviceId: string;
  /** See deviceKey. */
  readonly deviceKey: string;
  readonly connectionId: string;
  /** When its client was last known to be there before it was opened, or may come after whom it replaced, monotonic ms. */
  aliveAtMs: number;
  /** Counts registrations: what an older call tells is of no interest. */
  registrations = 0;
  /** When its last heartbeat was sent, or its registration, monotonic ms. */
  beatMs = 0;
  /** The lease under which it is, or is being registered; empty: none. */
  leaseId = "";
  /** In how large a call it goes at most; infinite unless a call with it failed as a whole. */
  groupMax = Number.POSITIVE_INFINITY;
  /** Failures in a row of this session's own calls. */
  failures = 0;
  /** Opened for the same device while this one was being registered: queued until the answer is there. */
  successor: HeldSession | undefined;
  /** undefined: it never said anything. */
  activity: SaidActivity | undefined;
  /** Of its call under way, where those are traced. */
  span: Span | undefined;
  /** Once its socket is closed. */
  closing: Closing | undefined;
  refusal: PresenceClientError | undefined;
  /** In state `forced`: why. */
  forcedFor: ClosedByOperator = { reason: "", blockedMs: undefined };
  #lifecycle = opened;
  /** In state `superseded`: who has the device now; undefined until that is known. */
  #supersededBy: Successor | undefined;
  readonly #owner: SessionOwner;
  // Of most sessions one hears, and nobody waits: there are many sessions.
  #listeners: readonly SessionListener[] = nobody;
  #waiting: readonly Waiting[] = nobody;

  constructor(
    identity: { userId: string; deviceId: string; connectionId: string; aliveAtMs: number },
    owner: SessionOwner,
  ) {
    this.userId = identity.userId;
    this.deviceId = identity.deviceId;
    this.deviceKey = deviceKey(identity);
    this.connectionId = identity.connectionId;
    this.aliveAtMs = identity.aliveAtMs;
    this.#owner = owner;
  }

  get lifecycle(): Lifecycle {
    return this.#lifecycle;
  }

  get state(): SessionState {
    return this.#lifecycle.state;
  }

  get isLive(): boolean {
    return isLive(this.#lifecycle);
  }

  /** The fencing token that presence gave, empty before. */
  get token(): string {
    const { known } = this.#lifecycle;
    return known.kind === "registered" ? known.token : "";
  }

  /** Names the session that presence has of this device, as far as we know; empty: none. */
  get knownToken(): string {
    return tokenOf(this.#lifecycle.known);
  }

  get isUncertain(): boolean {
    return isUncertain(this.#lifecycle.known);
  }

  get sessionId(): string | undefined {
    return this.token === "" ? undefined : this.token;
  }

  /** What its call says of its trace. */
  get trace(): { readonly traceparent: string } | undefined {
    return this.span && { traceparent: this.span.traceparent };
  }

  untilOnline(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#await(["online", "returning", "superseded", "refused", "forced", "closing", "closed"], () => {
        if (this.isLive) resolve();
        else reject(this.#neverOnline());
      });
    });
  }

  setActivity(activity: Activity): void {
    this.#owner.setActivity(this, activity);
  }

  close(reason?: CloseReason): Promise<void> {
    this.#owner.close(this, reason);
    return new Promise((resolve) => this.#await(["closed", "superseded", "refused", "forced"], resolve));
  }

  listen(listener: SessionListener): void {
    this.#listeners = this.#listeners.concat(listener);
    this.#tellEnd();
  }

  onSuperseded(superseded: (successor: Successor) => void): void {
    this.listen({ superseded });
  }

  onRefused(refused: (refusal: PresenceClientError) => void): void {
    this.listen({ refused });
  }

  onForced(forced: (closed: ClosedByOperator) => void): void {
    this.listen({ forced });
  }

  /** Called by SessionBook, which counts states. */
  become(lifecycle: Lifecycle): void {
    this.#lifecycle = lifecycle;
    this.#look();
  }

  succeededBy(successor: Successor): void {
    this.#supersededBy = successor;
    this.#look();
  }

  #look(): void {
    this.#tellEnd();
    if (this.#waiting.length === 0) return;
    const met = this.#waiting.filter(({ states }) => states.includes(this.state));
    this.#waiting = this.#waiting.filter((waiting) => !met.includes(waiting));
    for (const { run } of met) queueMicrotask(run);
  }

  /** Calls `run` once, on its own, as soon as the session is in one of the states. */
  #await(states: readonly SessionState[], run: () => void): void {
    this.#waiting = this.#waiting.concat({ states, run });
    this.#look();
  }

  /** Tells each listener once, on its own, how the session ended, as soon as that is known. */
  #tellEnd(): void {
    if (this.#listeners.length === 0) return;
    const say = this.#end();
    if (say === undefined) return;
    const listeners = this.#listeners;
    this.#listeners = nobody;
    for (const listener of listeners) queueMicrotask(() => tell(() => say(listener), this.#owner.onListenerError));
  }

  /** @returns undefined: it has not ended, or by its owner */
  #end(): ((listener: SessionListener) => unknown) | undefined {
    const successor = this.#supersededBy;
    switch (this.state) {
      case "superseded":
        return successor && ((listener) => listener.superseded?.(successor));
      case "refused":
        return (listener) => listener.refused?.(this.refusal ?? this.#neverOnline());
      case "forced":
        return (listener) => listener.forced?.(this.forcedFor);
      default:
        return undefined;
    }
  }

  #neverOnline(): PresenceClientError {
    const name = `user ${JSON.stringify(this.userId)} device ${JSON.stringify(this.deviceId)}`;
    if (this.refusal !== undefined) return this.refusal;
    if (this.state === "superseded") {
      return new PresenceClientError("FAILED_PRECONDITION", `${name} was registered by a newer connection`);
    }
    return new PresenceClientError("CANCELLED", `${name} was closed`);
  }
}

const nobody: readonly never[] = [];

interface Waiting {
  readonly states: readonly SessionState[];
  readonly run: () => void;
}

/** What a session said of its activity, and what presence knows of that. */
export interface SaidActivity {
  /** Since when nobody uses the device, monotonic ms: wall clocks are stepped; undefined: somebody does. */
  idleFromMs: number | undefined;
  /** Of its last call. */
  sequence: number;
  /** The `idleFromMs` that presence was told, and when, monotonic ms; undefined: none for sure. */
  told: { readonly idleFromMs: number | undefined; readonly atMs: number } | undefined;
  /** When its last call was sent, monotonic ms. */
  sentMs: number;
  failures: number;
}

interface Closing {
  readonly reason: CloseReason | undefined;
  /** From then on presence has ended it by itself; see Reachability.reachableMs. */
  readonly expiresMs: number;
}
