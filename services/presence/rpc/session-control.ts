import { presence } from "@realchat/presence-proto";
import type { LeaseState } from "../domain/lease.ts";
import type { PresenceService } from "../service/presence-service.ts";
import type { LeaseView, SessionView } from "../store/store.ts";
import { msOf, timestampOf } from "./wire.ts";

/** What operators ask for. */
export const sessionControl = (control: PresenceService["control"]) => ({
  async closeSessions(request: presence.CloseSessionsRequest): Promise<presence.CloseSessionsResponse> {
    const { blockFor } = request;
    const blockMs = blockFor === undefined ? undefined : msOf(blockFor);
    return { closed: [...(await control.closeSessions({ ...request, blockMs }))] };
  },

  async listSessions(request: presence.ListSessionsRequest): Promise<presence.ListSessionsResponse> {
    const { sessions, nextPageToken } = await control.listSessions(request);
    return { sessions: sessions.map(sessionInfoOf), nextPageToken };
  },

  async listLeases(request: presence.ListLeasesRequest): Promise<presence.ListLeasesResponse> {
    const { leases, nextPageToken } = await control.listLeases(request);
    return { leases: leases.map(leaseInfoOf), nextPageToken };
  },
});

function sessionInfoOf({ leaseId = "", connectedAtMs, ...session }: SessionView): presence.SessionInfo {
  return { ...session, leaseId, connectedAt: timestampOf(connectedAtMs) };
}

const states: Readonly<Record<LeaseState, presence.LeaseState>> = {
  open: presence.LeaseState.LEASE_STATE_OPEN,
  lost: presence.LeaseState.LEASE_STATE_LOST,
  closed: presence.LeaseState.LEASE_STATE_CLOSED,
};

function leaseInfoOf({ state, openedAtMs, ...lease }: LeaseView): presence.LeaseInfo {
  return { ...lease, state: states[state], openedAt: timestampOf(openedAtMs) };
}
