import type { Refusal } from "../domain/block.ts";
import { unreachable } from "../domain/invariant.ts";
import type { Limits } from "../domain/limits.ts";
import { isOfOneUser, PresenceError } from "../domain/presence-error.ts";
import { namesConnection, type SessionRef } from "../domain/session.ts";
import type { Heartbeat, RefreshResult, SessionStore } from "../store/store.ts";
import { closedByOperator, nameOf } from "./errors.ts";
import { checkCount, checkId, checkSession } from "./request-checks.ts";

/** The outcome of a batch of heartbeats: those that did not go through. */
interface LostSessions {
  readonly missing: SessionRef[];
  /** Those that an operator closed, too: callers that know no more close their sockets. */
  readonly superseded: SessionRef[];
  readonly closed: ClosedSession[];
}

interface ClosedSession {
  readonly session: SessionRef;
  readonly refusal: Refusal;
}

/** As LostSessions, and those that the store could not answer for: nothing is known of them. */
interface PartlyRefreshed extends LostSessions {
  readonly unconfirmed: SessionRef[];
}

/** What keeps sessions alive. All methods throw or reject with PresenceError. */
export class Heartbeats {
  readonly #store: Pick<SessionStore, "refresh">;
  readonly #limits: Limits;

  constructor(store: Pick<SessionStore, "refresh">, limits: Limits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** Extends one session. Answers without a promise when the store does. */
  refresh(session: Heartbeat): RefreshResult | Promise<RefreshResult> {
    checkSession(session, "", this.#limits);
    let early: RefreshResult | undefined;
    let settle: ((result: RefreshResult) => void) | undefined;
    const reply = (result: RefreshResult) => {
      if (settle === undefined) early = result;
      else settle(result);
    };
    this.#store.refresh(session, reply, 0);
    return (
      early ??
      new Promise((resolve) => {
        settle = resolve;
      })
    );
  }

  /** Extends many. Rejects when the store could not answer for one of them: send all again. */
  async refreshMany(sessions: readonly Heartbeat[]): Promise<LostSessions> {
    const { failure, unconfirmed: _, ...lost } = await this.#refreshAll(sessions);
    if (failure !== undefined) throw failure;
    return lost;
  }

  /** Extends many, each for itself. Rejects when the store could answer for none of them. */
  async refreshEach(sessions: readonly Heartbeat[]): Promise<PartlyRefreshed> {
    const { failure, ...lost } = await this.#refreshAll(sessions);
    if (failure !== undefined && lost.unconfirmed.length === sessions.length) throw failure;
    return lost;
  }

  async #refreshAll(
    sessions: readonly Heartbeat[],
  ): Promise<PartlyRefreshed & { readonly failure: Error | undefined }> {
    checkCount("sessions", sessions.length, this.#limits.batchMaxSessions);
    for (const [index, session] of sessions.entries()) {
      checkSession(session, `sessions[${index}].`, this.#limits);
      this.#checkLease(session, `sessions[${index}].`);
    }
    const lost: PartlyRefreshed = { missing: [], superseded: [], closed: [], unconfirmed: [] };
    return await new Promise((resolve) => {
      let open = sessions.length;
      let failure: Error | undefined;
      const end = () => resolve({ ...lost, failure });
      const reply = (result: RefreshResult, tag: number) => {
        if (result.kind === "failed" && !isOfOneUser(result.error)) failure = result.error;
        if (result.kind !== "refreshed") note(lost, sessions[tag] as SessionRef, result);
        open--;
        if (open === 0) end();
      };
      for (const [tag, session] of sessions.entries()) this.#store.refresh(session, reply, tag);
      if (sessions.length === 0) end();
    });
  }

  #checkLease({ sessionId, leaseId = "" }: Heartbeat, prefix: string): void {
    if (leaseId === "") return;
    checkId("lease_id", leaseId, this.#limits);
    if (namesConnection(sessionId)) return;
    throw new PresenceError(
      "INVALID_ARGUMENT",
      `${prefix}session_id "${sessionId}" is of no session with a connection_id: only such ones can be under a lease`,
    );
  }
}

function note(lost: PartlyRefreshed, session: SessionRef, result: Exclude<RefreshResult, { kind: "refreshed" }>): void {
  switch (result.kind) {
    case "missing":
      lost.missing.push(session);
      return;
    case "closed":
      lost.closed.push({ session, refusal: result });
      lost.superseded.push(session);
      return;
    case "superseded":
      lost.superseded.push(session);
      return;
    case "failed":
      lost.unconfirmed.push(session);
      return;
    default:
      unreachable(result);
  }
}

/** The error that a heartbeat without success is answered with. */
export function refreshError(session: SessionRef, result: Exclude<RefreshResult, { kind: "refreshed" }>): Error {
  switch (result.kind) {
    case "missing":
      return new PresenceError(
        "NOT_FOUND",
        `the session of ${nameOf(session)} is gone: register it again, with previous_session_id`,
      );
    case "superseded":
      return new PresenceError(
        "FAILED_PRECONDITION",
        session.sessionId === ""
          ? `the session of ${nameOf(session)} was registered with a connection_id: refresh it with its session_id`
          : `${nameOf(session)} was registered by a newer connection: close this socket`,
      );
    case "closed":
      return closedByOperator(session, result);
    case "failed":
      return result.error;
    default:
      return unreachable(result);
  }
}
