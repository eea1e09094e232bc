import { health, presence, reflection } from "@realchat/presence-proto";
import type { ServiceDefinition } from "@realchat/presence-rpc";
import type { Scope } from "@realchat/presence-runtime/callers";

/** What a call takes: one of these scopes, only to be a known caller, or not even that. */
export type Needs = readonly Scope[] | "known caller" | "nothing";

interface MethodNeeds<Request = unknown> {
  of(request: Request): Needs;
}

interface GuardedMethod extends MethodNeeds {
  /** Whether its calls stay open. */
  readonly isStream: boolean;
}

type Api = typeof presence.PresenceApiDefinition.methods;
type RequestOf<Method> = Method extends { readonly requestType: { decode(input: Uint8Array): infer Request } }
  ? Request
  : never;

const always = (needs: Needs): MethodNeeds => ({ of: () => needs });
const gateway = always(["gateway"]);
const read = always(["read"]);
/** The claim that is the user's own: see SetStatus in docs/contract.md. */
const selfClaim = "self";

/** What users say of themselves comes through the gateways that know them; all else, such as calendars, says its own. */
const claim = (claimId: string | undefined): Needs => (claimId === selfClaim ? ["gateway"] : ["gateway", "status"]);
const admin = always(["admin"]);

/** A session_id lets its holder end the session, so listing sessions is no mere reading. */
const presenceApi: { readonly [Name in keyof Api]: MethodNeeds<RequestOf<Api[Name]>> } = {
  registerSession: gateway,
  registerSessions: gateway,
  unregisterSession: gateway,
  unregisterSessions: gateway,
  refreshSession: gateway,
  refreshSessions: gateway,
  openLease: gateway,
  keepLease: gateway,
  closeLease: gateway,
  watchLease: gateway,
  getPresence: read,
  batchGetUserDevices: read,
  // A gateway whose session was superseded asks whether the successor lives.
  getUserDevices: always(["read", "gateway"]),
  watchPresence: {
    of: ({ userIds }) => (userIds.length === 0 ? ["watch-everyone"] : ["read", "watch-everyone"]),
  },
  watchDevices: always(["watch-everyone"]),
  setStatus: { of: (request) => claim(request.claim?.claimId) },
  clearStatus: { of: ({ claimId }) => claim(claimId) },
  getStatus: read,
  setActivity: gateway,
  shouldNotify: read,
  listSessions: admin,
  listLeases: admin,
  closeSessions: admin,
};

const ofPresenceApi: Readonly<Record<string, MethodNeeds>> = presenceApi;

/** By `package.Service/Method`. */
export const guardedMethods: ReadonlyMap<string, GuardedMethod> = new Map([
  ...guarded(presence.PresenceApiDefinition, (key) => ofPresenceApi[key]),
  // Orchestrators and load balancers have no token.
  ...guarded(health.HealthDefinition, () => always("nothing")),
  ...["v1", "v1alpha"].flatMap((version) =>
    guarded({ ...reflection.ServerReflectionDefinition, fullName: `grpc.reflection.${version}.ServerReflection` }, () =>
      always("known caller"),
    ),
  ),
]);

function guarded(
  { fullName, methods }: ServiceDefinition,
  needsOf: (key: string) => MethodNeeds | undefined,
): (readonly [string, GuardedMethod])[] {
  return Object.entries(methods).flatMap(([key, { name, requestStream, responseStream }]) => {
    const needs = needsOf(key);
    return needs === undefined
      ? []
      : [[`${fullName}/${name}`, { ...needs, isStream: requestStream || responseStream }]];
  });
}
