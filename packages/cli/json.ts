import { events, presence } from "@realchat/presence-proto";

/**
 * The contract's messages as objects for `--json`: names and enum values of proto's JSON form, with the fields that a
 * reader looks for present even when they hold the default. Versions are numbers: they stay below 2^53.
 */

export function userPresenceJson(user: presence.UserPresence): object {
  const { userId, online, deviceIds, version, shard } = user;
  return { ...asObject(presence.UserPresence.toJSON(user)), userId, online, deviceIds, version, shard };
}

export function updateJson(update: presence.PresenceUpdateEvent): object {
  const { userId, version, shard } = update;
  return { ...asObject(presence.PresenceUpdateEvent.toJSON(update)), userId, version, shard };
}

export function resetJson(reset: presence.PresenceResetEvent): object {
  return { shard: reset.shard, begin: reset.begin };
}

export function userDevicesJson({ userId, devices, unknown }: presence.UserDevices): object {
  return { userId, devices: devices.map(deviceJson), ...(unknown && { unknown }) };
}

export function toldStatusJson(userId: string, answer: presence.SetStatusResponse): object {
  return { userId, ...asObject(presence.SetStatusResponse.toJSON(answer)), version: answer.version };
}

export function userClaimsJson(userId: string, answer: presence.GetStatusResponse): object {
  const { claims, version } = answer;
  const json = asObject(presence.GetStatusResponse.toJSON(answer));
  return { userId, ...json, claims: claims.map((claim) => presence.StatusClaim.toJSON(claim)), version };
}

export function sessionInfoJson(session: presence.SessionInfo): object {
  const { userId, deviceId, sessionId, instanceId, leaseId } = session;
  return { ...asObject(presence.SessionInfo.toJSON(session)), userId, deviceId, sessionId, instanceId, leaseId };
}

export function leaseInfoJson(lease: presence.LeaseInfo): object {
  const { leaseId, instanceId, sessions } = lease;
  return { ...asObject(presence.LeaseInfo.toJSON(lease)), leaseId, instanceId, sessions };
}

export function sessionRefJson({ userId, deviceId, sessionId }: presence.SessionRef): object {
  return { userId, deviceId, sessionId };
}

function deviceJson(device: presence.DeviceInfo): object {
  return asObject(presence.DeviceInfo.toJSON(device));
}

/** @param payload takes the place of the envelope's bytes */
export function envelopeJson(envelope: events.EventEnvelope, payload?: object): object {
  return { ...asObject(events.EventEnvelope.toJSON(envelope)), ...(payload && { payload }) };
}

function asObject(json: unknown): object {
  return json as object;
}
