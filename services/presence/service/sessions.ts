import { unreachable } from "../domain/invariant.ts";
import type { Limits } from "../domain/limits.ts";
import { PresenceError } from "../domain/presence-error.ts";
import { parseSessionId } from "../domain/session.ts";
import type { Registration, SessionEnding, SessionStore } from "../store/store.ts";
import { closedByOperator, leaseClosed, nameOf, quote, stoodStill } from "./errors.ts";
import { checkAge, checkCount, checkId, checkOptionalId, checkSession, checkSessionId } from "./request-checks.ts";
import type { UserStatuses } from "./user-status.ts";

interface Registered {
  readonly sessionId: string;
  /** Of the user, after the call. */
  readonly version: number;
}

/** How sessions begin and end. All methods reject with PresenceError. */
export class Sessions {
  readonly #store: Pick<SessionStore, "register" | "unregister">;
  readonly #limits: Limits;
  readonly #statuses: UserStatuses;

  constructor(store: Pick<SessionStore, "register" | "unregister">, limits: Limits, statuses: UserStatuses) {
    this.#store = store;
    this.#limits = limits;
    this.#statuses = statuses;
  }

  /** @param stoodStillMs how long the call may have waited for this node; 0 for a moment */
  async register(registration: Registration, stoodStillMs = 0): Promise<Registered> {
    const { userId, deviceId, instanceId, connectionId, previousSessionId, ageMs = 0, leaseId = "" } = registration;
    checkId("user_id", userId, this.#limits);
    checkId("device_id", deviceId, this.#limits);
    checkId("instance_id", instanceId, this.#limits);
    checkOptionalId("connection_id", connectionId, this.#limits);
    checkSessionId("previous_session_id", previousSessionId, this.#limits);
    checkOptionalId("lease_id", leaseId, this.#limits);
    if (leaseId !== "" && connectionId === "") {
      throw new PresenceError(
        "INVALID_ARGUMENT",
        "lease_id is set and connection_id is empty: name the connection too",
      );
    }
    checkAge("age", ageMs);
    if (previousSessionId !== "" && parseSessionId(previousSessionId) === undefined) {
      throw new PresenceError(
        "INVALID_ARGUMENT",
        `previous_session_id "${previousSessionId}" is not a session_id that RegisterSession returned: leave it out`,
      );
    }
    // Without connection_id a retry looks like another socket: the last to register has the device, as ever.
    const countedMs = connectionId === "" ? 0 : ageMs + stoodStillMs;
    const { idleSinceMs } = registration;
    const spoken =
      idleSinceMs === undefined ? {} : { idleSinceMs: await this.#statuses.supportedIdleSince(idleSinceMs) };
    const result = await this.#store.register({ ...registration, ageMs: countedMs, ...spoken });
    switch (result.kind) {
      case "registered":
      case "repeated":
        return { sessionId: result.sessionId, version: result.version };
      case "ended":
        throw new PresenceError(
          "FAILED_PRECONDITION",
          `connection ${connectionId} of ${nameOf(registration)} has ended: open a new connection with an id of its own`,
        );
      case "superseded":
        if (stoodStillMs > 0) throw new PresenceError("UNAVAILABLE", stoodStill(stoodStillMs));
        throw new PresenceError(
          "FAILED_PRECONDITION",
          `${nameOf(registration)} was registered by a newer connection: close this socket`,
        );
      case "too-many-devices":
        throw new PresenceError(
          "RESOURCE_EXHAUSTED",
          `user ${quote(userId)} has ${this.#limits.userMaxDevices} devices, limit ${this.#limits.userMaxDevices}: ` +
            "unregister one, and use a device_id that stays the same over reconnects",
        );
      case "lease-missing":
        throw new PresenceError(
          "NOT_FOUND",
          `lease ${quote(leaseId)} is not open for ${nameOf(registration)}: open it, then register again`,
        );
      case "lease-closed":
        throw leaseClosed(leaseId);
      case "closed":
        throw closedByOperator(registration, result);
      default:
        return unreachable(result);
    }
  }

  /** Registers many in this order, each for itself. Rejects only when there are too many. */
  async registerEach(
    registrations: readonly Registration[],
    stoodStillMs = 0,
  ): Promise<PromiseSettledResult<Registered>[]> {
    checkCount("sessions", registrations.length, this.#limits.batchMaxSessions);
    return Promise.allSettled(registrations.map((registration) => this.register(registration, stoodStillMs)));
  }

  /** Ending what is not there, or not the caller's, succeeds and changes nothing. */
  async unregister(ending: SessionEnding): Promise<void> {
    checkSession(ending, "", this.#limits);
    await this.#store.unregister(ending);
  }

  /** Ends many in this order, each for itself. Rejects only when there are too many. */
  async unregisterEach(endings: readonly SessionEnding[]): Promise<PromiseSettledResult<void>[]> {
    checkCount("sessions", endings.length, this.#limits.batchMaxSessions);
    return Promise.allSettled(endings.map((ending) => this.unregister(ending)));
  }
}
