import { PresenceClientError } from "../presence-client-error.ts";
import { type OnListenerError, tell } from "../tell.ts";
import type { CloseReason, SessionHandle, SessionState, Successor } from "./session-handle.ts";

/** What the keeper writes down about a session, and the handle that its owner has. */
export class HeldSession implements SessionHandle {
  readonly userId: string;
  readonly deviceId: string;
  readonly connectionId: string;
  /** When its client was last known to be there before it was opened, or may come after whom it replaced, monotonic ms. */
  aliveAtMs: number;
  /** Changed by SessionKeeper only, through `become`. */
  state: SessionState = "registering";
  refusal: PresenceClientError | undefined;
  /** The last one presence gave, empty before. */
  token = "";
  /** Counts registrations: what an older call tells is of no interest. */
  registrations = 0;
  /** When its last heartbeat was sent, or its registration, monotonic ms. */
  beatMs = 0;
  /** See Beating. */
  groupMax = Number.POSITIVE_INFINITY;
  /** A registration's answer is awaited. */
  isRegistering = false;
  /** A registration failed in a way that leaves open whether presence carried it out; its token is unknown. */
  isUncertain = false;
  /** Failures in a row of this session's own calls. */
  failures = 0;
  /** Of the device's session before, if presence may still have it: whoever ends first must end that one. */
  inheritedToken = "";
  /** Opened for the same device while a registration of this one was under way: presence must hear of it later. */
  successor: HeldSession | undefined;
  /** The one whose successor this is. */
  predecessor: HeldSession | undefined;
  /** In state `superseded`: who has the device now; undefined until that is known. */
  #supersededBy: Successor | undefined;
  closeReason: CloseReason | undefined;
  /** In state `closing`: from then on presence has ended it by itself; see Reachability.reachableMs. */
  expiresMs = 0;
  readonly #onListenerError: OnListenerError;
  readonly #close: (session: HeldSession, reason: CloseReason | undefined) => void;
  readonly #listeners: (() => void)[] = [];

  constructor(
    identity: { userId: string; deviceId: string; connectionId: string; aliveAtMs: number },
    close: (session: HeldSession, reason: CloseReason | undefined) => void,
    onListenerError: OnListenerError,
  ) {
    this.userId = identity.userId;
    this.deviceId = identity.deviceId;
    this.connectionId = identity.connectionId;
    this.aliveAtMs = identity.aliveAtMs;
    this.#close = close;
    this.#onListenerError = onListenerError;
  }

  get sessionId(): string | undefined {
    return this.token === "" ? undefined : this.token;
  }

  /** Presence is to keep it, or to get it. */
  get isLive(): boolean {
    return this.state === "registering" || this.state === "online" || this.state === "returning";
  }

  /** Names the session that presence has of this device, as far as we know; empty: none. */
  get knownToken(): string {
    return this.token || this.inheritedToken;
  }

  untilOnline(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#inState(["online", "returning", "superseded", "refused", "closing", "closed"], () => {
        if (this.isLive) resolve();
        else reject(this.#neverOnline());
      });
    });
  }

  close(reason?: CloseReason): Promise<void> {
    this.#close(this, reason);
    return new Promise((resolve) => this.#inState(["closed", "superseded", "refused"], resolve));
  }

  onSuperseded(listener: (successor: Successor) => void): void {
    const isKnown = () => this.state === "superseded" && this.#supersededBy !== undefined;
    const say = () => listener(this.#supersededBy as Successor);
    this.#once(isKnown, () => tell(say, this.#onListenerError));
  }

  onRefused(listener: (refusal: PresenceClientError) => void): void {
    this.#inState(["refused"], () => {
      tell(() => listener(this.refusal ?? this.#neverOnline()), this.#onListenerError);
    });
  }

  become(state: SessionState): void {
    this.state = state;
    this.#look();
  }

  succeededBy(successor: Successor): void {
    this.#supersededBy = successor;
    this.#look();
  }

  #look(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls `run` once, on its own, as soon as the session is in one of the states. */
  #inState(states: readonly SessionState[], run: () => void): void {
    this.#once(() => states.includes(this.state), run);
  }

  /** Calls `run` once, on its own, as soon as it holds. */
  #once(holds: () => boolean, run: () => void): void {
    const look = () => {
      if (!holds()) return;
      const place = this.#listeners.indexOf(look);
      if (place >= 0) this.#listeners.splice(place, 1);
      queueMicrotask(run);
    };
    this.#listeners.push(look);
    look();
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
