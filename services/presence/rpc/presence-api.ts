import { durationOf, presence } from "@realchat/presence-proto";
import { type CallContext, implement, type Service } from "@realchat/presence-rpc";
import type { LoopTurns } from "@realchat/presence-runtime";
import type { LeasePace } from "../domain/lease.ts";
import { PresenceError } from "../domain/presence-error.ts";
import { refreshError } from "../service/heartbeats.ts";
import type { PresenceService } from "../service/presence-service.ts";
import type { RefreshResult, Registration, SessionEnding } from "../store/store.ts";
import { type CallTraces, noTraces } from "./call-traces.ts";
import { ConnectionInstances } from "./connection-instances.ts";
import { entryDone, entryStatusOf } from "./entry-status.ts";
import { rpcError } from "./rpc-error.ts";
import { sessionControl } from "./session-control.ts";
import { momentOf, userStatus } from "./user-status.ts";
import { watchDevices } from "./watch-devices.ts";
import { watchLease } from "./watch-lease.ts";
import { watchPresence } from "./watch-presence.ts";
import { closedOf, deviceInfoOf, msOf, reasonOf, userDevicesOf, userPresenceOf } from "./wire.ts";

/** What callers are told of their sessions and leases, ms. */
interface Pace {
  readonly ttlMs: number;
  readonly heartbeatIntervalMs: number;
  readonly lastSeenRetentionMs: number;
  readonly leases: LeasePace;
}

/** Less is a busy moment, ms. */
const standstillMs = 1_000;

/**
 * The contract's service: each handler turns messages into calls of PresenceService and its answers into messages.
 * @param onInternalError hears of a bug that failed one entry of a batch; what fails a call, the server tells
 */
export function presenceApi(
  service: PresenceService,
  pace: Pace,
  turns: Pick<LoopTurns, "waitedMs">,
  onInternalError: (method: string, error: unknown, call: CallContext) => void,
  traces: CallTraces = noTraces,
): Service {
  const ttl = durationOf(pace.ttlMs);
  const heartbeatInterval = durationOf(pace.heartbeatIntervalMs);
  const leaseTtl = durationOf(pace.leases.ttlMs);
  const leaseHeartbeatInterval = durationOf(pace.leases.heartbeatIntervalMs);
  const verifyInterval = durationOf(pace.leases.verifyIntervalMs);
  /** Of a session that was registered, and of sessions that were refreshed. */
  const ofOwn = { ttl, heartbeatInterval };
  const ofLeased = { ttl: durationOf(pace.leases.sessionTtlMs), heartbeatInterval: verifyInterval };
  const paceOf = (leaseId: string) => (leaseId === "" ? ofOwn : ofLeased);
  const refreshed: presence.RefreshSessionResponse = { heartbeatInterval };

  const instances = new ConnectionInstances();
  const control = sessionControl(service.control);
  const status = userStatus(service.statuses, pace.heartbeatIntervalMs);
  const lastSeenRetention = durationOf(pace.lastSeenRetentionMs);

  const refreshAnswer = (request: presence.RefreshSessionRequest, result: RefreshResult) => {
    if (result.kind === "refreshed") return refreshed;
    throw rpcError(refreshError(request, result));
  };

  const statusOf = (error: unknown, call: CallContext) =>
    entryStatusOf(error, (bug) => onInternalError(call.method, bug, call));

  return implement(presence.PresenceApiDefinition, {
    getPresence: answering(async (request) => {
      const views = await service.users(request.userIds);
      const data = [...service.dataSince(views)].map(([shard, since]) => ({ shard, since }));
      return { presences: views.map(userPresenceOf), recovering: service.isRecovering(views), lastSeenRetention, data };
    }),

    registerSession: answering(async (request, call) => {
      const { sessionId, version } = await service.sessions.register(
        registrationOf(request, traces.of(call)),
        stoodStillMs(turns),
      );
      instances.registered(call, request.instanceId);
      return { sessionId, version, ...paceOf(request.leaseId) };
    }),

    registerSessions: answering(async ({ sessions }, call) => {
      const registrations = sessions.map((session) => registrationOf(session, traces.of(call, session.traceparent)));
      const outcomes = await service.sessions.registerEach(registrations, stoodStillMs(turns));
      const results = outcomes.map((outcome, place): presence.RegisterSessionResult => {
        if (outcome.status === "rejected") {
          return { ...statusOf(outcome.reason, call), session: undefined, closed: refusalOf(outcome.reason) };
        }
        const { instanceId, leaseId } = sessions[place] as presence.RegisterSessionRequest;
        instances.registered(call, instanceId);
        const { sessionId, version } = outcome.value;
        return { ...entryDone, session: { sessionId, version, ...paceOf(leaseId) }, closed: undefined };
      });
      return { results };
    }),

    unregisterSession: answering(async (request, call) => {
      await service.sessions.unregister(endingOf(request, traces.of(call)));
      return {};
    }),

    unregisterSessions: answering(async ({ sessions }, call) => {
      const endings = sessions.map((session) => endingOf(session, traces.of(call, session.traceparent)));
      const outcomes = await service.sessions.unregisterEach(endings);
      const results = outcomes.map((outcome) =>
        outcome.status === "rejected" ? statusOf(outcome.reason, call) : entryDone,
      );
      return { results };
    }),

    refreshSession: answering((request, call) => {
      const result = service.heartbeats.refresh(instances.signed(request, call));
      if (result instanceof Promise) return result.then((late) => refreshAnswer(request, late));
      return refreshAnswer(request, result);
    }),

    getUserDevices: answering(async (request) => {
      const devices = await service.devicesOf(request.userId);
      return { devices: devices.map(deviceInfoOf) };
    }),

    refreshSessions: answering(async (request, call) => {
      const { partial, leaseId } = request;
      const { heartbeatInterval } = paceOf(leaseId);
      const sessions =
        leaseId === ""
          ? request.sessions.map((session) => instances.signed(session, call))
          : request.sessions.map(({ userId, deviceId, sessionId }) => ({ userId, deviceId, sessionId, leaseId }));
      const lost = partial
        ? await service.heartbeats.refreshEach(sessions)
        : { ...(await service.heartbeats.refreshMany(sessions)), unconfirmed: [] };
      const closed = lost.closed.map(({ session, refusal }) => ({ session, closed: closedOf(refusal) }));
      return { ...lost, closed, heartbeatInterval };
    }),

    openLease: answering(async ({ leaseId, instanceId }) => {
      const { begins, partial } = await service.leases.open(leaseId, instanceId);
      return { ttl: leaseTtl, heartbeatInterval: leaseHeartbeatInterval, verifyInterval, begins, partial };
    }),

    keepLease: answering(async ({ leaseId }) => {
      return { ...(await service.leases.keep(leaseId)), heartbeatInterval: leaseHeartbeatInterval };
    }),

    closeLease: answering(async ({ leaseId, reason }) => {
      await service.leases.close(leaseId, reasonOf(reason));
      return {};
    }),

    listSessions: answering(control.listSessions),
    closeSessions: answering(control.closeSessions),
    listLeases: answering(control.listLeases),

    setStatus: answering(status.setStatus),
    clearStatus: answering(status.clearStatus),
    getStatus: answering(status.getStatus),
    setActivity: answering(status.setActivity),
    shouldNotify: answering(status.shouldNotify),

    batchGetUserDevices: answering(async (request) => {
      const views = await service.users(request.userIds);
      return { users: views.map(userDevicesOf) };
    }),

    watchPresence: watchPresence(service),
    watchDevices: watchDevices(service),
    watchLease: watchLease(service),
  });
}

/** Whether an operator closed what could not register. */
function refusalOf(error: unknown): presence.Closed | undefined {
  return error instanceof PresenceError && error.refusal !== undefined ? closedOf(error.refusal) : undefined;
}

function registrationOf(request: presence.RegisterSessionRequest, traceparent: string | undefined): Registration {
  const idleSinceMs = momentOf(request.idleSince);
  return { ...request, ageMs: request.age === undefined ? 0 : msOf(request.age), idleSinceMs, traceparent };
}

function endingOf(request: presence.UnregisterSessionRequest, traceparent: string | undefined): SessionEnding {
  return { ...request, reason: reasonOf(request.reason), traceparent };
}

/** A node that stood still reads calls whose clients may have gone, or be somewhere else since. 0: it did not. */
function stoodStillMs({ waitedMs }: Pick<LoopTurns, "waitedMs">): number {
  return waitedMs >= standstillMs ? Math.floor(waitedMs) : 0;
}

/** Gives a handler's PresenceErrors their gRPC status; an answer without promise stays one. */
function answering<Request, Response>(
  handler: (request: Request, call: CallContext) => Response | Promise<Response>,
): (request: Request, call: CallContext) => Response | Promise<Response> {
  return (request, call) => {
    try {
      const answer = handler(request, call);
      return answer instanceof Promise ? answer.catch((error) => Promise.reject(rpcError(error))) : answer;
    } catch (error) {
      throw rpcError(error);
    }
  };
}
