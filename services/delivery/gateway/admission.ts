import { wrongWithId } from "@realchat/presence-runtime";
import type { FrameFormat } from "../push/frame-format.ts";
import type { Authentication, Authenticator } from "./authentication/authenticator.ts";
import type { Handshake } from "./handshake.ts";
import { isOriginAllowed } from "./origins.ts";
import { envelopeFrames } from "./protocols/envelope-frames.ts";
import type { Refusal } from "./refusal.ts";

/** What a handshake is admitted to. */
export interface Admitted {
  readonly userId: string;
  readonly roles: ReadonlySet<string> | undefined;
  readonly deviceId: string;
  readonly format: FrameFormat;
  /** When its token expires: wall clock, ms since 1970; undefined: never. */
  readonly expiresAtMs: number | undefined;
}

interface AdmissionOptions {
  readonly authenticator: Authenticator;
  readonly origins: ReadonlySet<string>;
  /** By sub-protocol. */
  readonly formats: Readonly<Record<string, FrameFormat>>;
}

/** Decides whether a handshake is admitted, for which user and in which format. */
export async function admit(handshake: Handshake, options: AdmissionOptions): Promise<Admitted | Refusal> {
  const { path, deviceId, unreadable } = handshake;
  if (path !== "/ws") return { reason: "not_found", status: 404, message: "sockets are at /ws" };
  if (!isOriginAllowed(handshake, options.origins, options.authenticator.needsToken)) {
    const message = `pages of ${handshake.origin} may not open sockets here: add it to ORIGINS`;
    return { reason: "foreign_origin", status: 403, message };
  }
  const format = formatFor(handshake, options.formats);
  if (format === undefined) {
    const message = `no such sub-protocol: offer ${Object.keys(options.formats).join(" or ")}, or none`;
    return { reason: "unknown_protocol", status: 400, message };
  }
  if (unreadable !== undefined) {
    const message = `${unreadable} is no percent-encoded UTF-8: encode it, as encodeURIComponent does`;
    return { reason: "bad_request", status: 400, message };
  }
  const wrong = deviceId === undefined ? "is missing" : wrongWithId(deviceId);
  if (deviceId === undefined || wrong !== undefined) {
    const message = `device_id ${wrong}: send a short stable id of the device, such as a UUID`;
    return { reason: "bad_request", status: 400, message };
  }
  const authentication = await options.authenticator.authenticate(handshake);
  if (authentication.kind !== "user") return refusalOf(authentication);
  const { userId, roles, expiresAtMs } = authentication;
  return { userId, roles, deviceId, format, expiresAtMs };
}

function formatFor({ protocols }: Handshake, formats: Readonly<Record<string, FrameFormat>>): FrameFormat | undefined {
  if (protocols.length === 0) return envelopeFrames;
  // In the gateway's order of preference, as in the answer to the handshake.
  return Object.entries(formats).find(([protocol]) => protocols.includes(protocol))?.[1];
}

function refusalOf({ kind, message }: Exclude<Authentication, { kind: "user" }>): Refusal {
  switch (kind) {
    case "unauthenticated":
      return { reason: "unauthenticated", status: 401, message };
    case "forbidden":
      return { reason: "forbidden", status: 403, message };
    case "bad_request":
      return { reason: "bad_request", status: 400, message };
    case "unavailable":
      return { reason: "authentication_unavailable", status: 503, message };
  }
}
