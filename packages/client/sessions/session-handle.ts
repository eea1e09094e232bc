import type { ClosedByOperator, PresenceClientError } from "../presence-client-error.ts";

/**
 * - `registering`: presence does not know of it yet
 * - `online`: registered, heartbeats keep it alive; also while presence is away
 * - `returning`: presence lost it, it is being registered again
 * - `closing`: closed here, presence is still to be told
 * - `closed`: over
 * - `superseded`: over: a newer connection of the device took its place; close the socket
 * - `refused`: over: presence does not take it, ever; see `refusal`
 * - `forced`: over: an operator closed it; close the socket
 */
export type SessionState =
  | "registering"
  | "online"
  | "returning"
  | "closing"
  | "closed"
  | "superseded"
  | "refused"
  | "forced";

/** Why a socket closed: `logged-out` ends the session at once, the others leave its user a grace period to be back. */
export type CloseReason = "logged-out" | "connection-lost" | "server-drain";

/**
 * Who has the device of a session that was superseded, as presence told when it was asked:
 * - `newer-connection`: tell the client to stay away
 * - `nobody`: the successor is gone, too. Have the client connect again; the session itself is over
 */
export type Successor = "newer-connection" | "nobody";

/** Whether somebody uses a session's device, or since when nobody does, wall clock, ms. */
export type Activity = "active" | { readonly idleSinceMs: number };

/** One socket's session. What its listeners throw or reject with: see `onListenerError` of the keeper. */
export interface SessionHandle {
  readonly userId: string;
  readonly deviceId: string;
  readonly connectionId: string;
  readonly state: SessionState;
  /** The fencing token; undefined until it is registered. */
  readonly sessionId: string | undefined;
  /** Why presence does not take it, in state `refused`. */
  readonly refusal: PresenceClientError | undefined;
  /**
   * Resolves when presence knows of it; rejects with PresenceClientError when it never will: FAILED_PRECONDITION when
   * superseded, CANCELLED when closed before, by an operator too, else the refusal.
   */
  untilOnline(): Promise<void>;
  /**
   * What presence is to know of whether the device is used; nothing until this is called. The latest is told, soon and no
   * more often than every 5 s, and told again when presence may have lost it. Whoever is idle for less than a minute is not
   * yet. Presence of a release without statuses is not told.
   * @throws PresenceClientError INVALID_ARGUMENT when `idleSinceMs` is no time
   */
  setActivity(activity: Activity): void;
  /**
   * The socket is closed. Without a reason the session ends at once. Never rejects: resolves when presence was told, or
   * when there is nothing left to tell it; in an outage that may take as long as the outage.
   */
  close(reason?: CloseReason): Promise<void>;
  /** All three of the following by one object, such as the socket's own: with many sockets, functions of each take memory. */
  listen(listener: SessionListener): void;
  /**
   * A newer connection of the device took its place: close the socket. Called once, also when it already happened, as
   * soon as it is known who has the device now.
   */
  onSuperseded(listener: (successor: Successor) => void): void;
  /** Presence does not take it. Called once, also when it already happened. */
  onRefused(listener: (refusal: PresenceClientError) => void): void;
  /** An operator closed it. Called once, also when it already happened. */
  onForced(listener: (closed: ClosedByOperator) => void): void;
}

/** Hears how a session ended that its owner did not close: one of these is called, once, also when it already happened. */
export interface SessionListener {
  /** See `onSuperseded`, `onRefused`, `onForced` of SessionHandle. */
  superseded?(successor: Successor): void;
  refused?(refusal: PresenceClientError): void;
  forced?(closed: ClosedByOperator): void;
}
