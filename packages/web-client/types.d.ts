/** What people see of a user besides online and offline. What is absent, nobody has said, or one may not see. */
export interface UserStatus {
  /** Of a user who is online; absent: available. */
  readonly availability?: Availability;
  /** What the user says; `until`: when that is over, wall clock, ms since 1970. */
  readonly status?: { readonly text?: string; readonly emoji?: string; readonly until?: number };
  /** Since when nobody uses any of the user's devices, wall clock, ms since 1970. */
  readonly idleSince?: number;
}

export type Availability = "available" | "away" | "busy" | "do_not_disturb";

/** A user as the gateway last told of them. What is optional is there when the gateway knows it. */
export interface UserPresence extends UserStatus {
  readonly id: string;
  readonly online: boolean;
  /** Strictly increasing per user: of two states the one with the higher version is true. */
  readonly version: number;
  /** When an offline user was last seen, wall clock, ms since 1970. */
  readonly lastSeen?: number;
  /** Why the last change happened; absent also for what only a later gateway knows. */
  readonly cause?: Cause;
  /** The device that made the difference. */
  readonly device?: string;
  /** When it happened, wall clock of the server, ms since 1970. */
  readonly at?: number;
  /** All devices that are connected; in snapshots. */
  readonly devices?: readonly string[];
}

export type Cause =
  | "connected"
  | "disconnected"
  | "logged_out"
  | "connection_lost"
  | "expired"
  | "restated"
  | "instance_lost"
  | "forced"
  | "status";

/** The user oneself, as others may see it, whatever the privacy: one's own devices are told the truth. */
export interface Self extends UserStatus {
  readonly policy?: Policy;
}

/** Who may see what of a user. */
export interface Policy {
  /** true: looks offline to everybody. */
  readonly invisible: boolean;
  readonly online: Audience;
  readonly lastSeen: Audience;
  readonly status: Audience;
  readonly devices: Audience;
  /** true: sees of others only what these may see of the user. */
  readonly reciprocal: boolean;
  /** Ids of users for whom it is otherwise. */
  readonly except: { readonly show: readonly string[]; readonly hide: readonly string[] };
}

export type Audience = "audience" | "contacts" | "nobody";

/** What the user says of oneself: at least one of availability, text and emoji. */
export interface OwnStatus {
  /** Default: as it follows from calendars and from whether a device is used. */
  readonly availability?: Availability;
  /** At most 140 code points. */
  readonly text?: string;
  /** At most 32 bytes of UTF-8. */
  readonly emoji?: string;
  /** When it is over, wall clock, ms since 1970. Default and limit: in 30 days. */
  readonly until?: number;
}

/** A message that the gateway did not take. */
export interface Refusal {
  /** Its type. */
  readonly what: string;
  /** For people. */
  readonly why: string;
}

/** From the gateway. Unknown types and fields are ignored: later gateways may add some. */
export type ServerFrame =
  | { readonly type: "snapshot" | "presence"; readonly users: readonly UserPresence[] }
  | { readonly type: "hidden"; readonly users: readonly string[] }
  | { readonly type: "stale"; readonly stale: boolean }
  | ({ readonly type: "self" } & Self)
  | ({ readonly type: "refused" } & Refusal)
  | { readonly type: "pong" };

/** To the gateway. */
export type ClientFrame =
  | { readonly type: "subscribe" | "unsubscribe"; readonly users: readonly string[] }
  | StatusFrame
  | ({ readonly type: "privacy" } & Partial<Policy>)
  | ({ readonly type: "activity"; readonly idle: boolean } & Aged)
  | { readonly type: "logout" | "ping" };

export type StatusFrame = { readonly type: "status"; readonly clear?: true } & OwnStatus & Aged;

export interface Aged {
  /** How long ago that was said, or began, ms. Absent: now. */
  readonly age?: number;
}

export type ConnectionState =
  | { readonly kind: "connecting" }
  | { readonly kind: "open" }
  /** Cut off; tries again after `retryMs`. `error`: why there was no token. */
  | { readonly kind: "waiting"; readonly retryMs: number; readonly code: number; readonly error?: unknown }
  /**
   * For good, until `connect` is called again. 1000 `close`, 4001 `logout`, 0 no socket can be made of this address or token
   * (`error` says why); else the gateway's word: 4000 another socket of this device, 4401 the token, 4403 another user's name or
   * an id that presence does not take, 4429 too many devices, 1007 to 1009 something that this client or its application should
   * not have sent (`error` says what).
   */
  | { readonly kind: "closed"; readonly code: number; readonly error?: unknown };

/**
 * `BAD_URL` and `BAD_TOKEN` end a client. `BAD_FRAME` of the gateway's is an `error`, and the client goes on; one of ours ends it,
 * with 1007 to 1009.
 */
export type PresenceClientErrorCode = "BAD_URL" | "BAD_TOKEN" | "BAD_FRAME";

export interface PresenceEvents {
  /** What the gateway tells by itself of how things are: after connecting, and as the answer to `subscribe`. */
  snapshot: readonly UserPresence[];
  /** Changes, and only real ones: repetitions and older versions never get here. */
  presence: readonly UserPresence[];
  /** Users whom this one may no longer see: show no dot. */
  hidden: readonly string[];
  /** Oneself: after connecting, and when something of it changes. */
  self: Self;
  /** What the gateway did not take of what was set: it is as before. */
  refused: Refusal;
  state: ConnectionState;
  /** Whether what is known may be out of date from now on, as `stale` of the client says. */
  stale: boolean;
  /**
   * What a listener threw, or what the gateway sent that is no frame. While nobody listens, the former goes to the platform as if
   * it had not been caught.
   */
  error: unknown;
}

export interface PresenceClientOptions {
  /** Of the gateway's endpoint, ws: or wss:, with `device_id` (and without authentication `user_id`) in its query. */
  readonly url: string;
  /** A JWT, or where to get one; asked before every attempt, `refused` after the gateway refused the last one. */
  readonly token?: string | ((refused: boolean) => string | Promise<string>);
  /** In a page: when this browser counts as idle. false: nothing is told of that. */
  readonly idle?: IdleOptions | false;
  /** For tests. Default: the browser's. */
  readonly clock?: Clock;
}

export interface IdleOptions {
  /** After so long without use, ms. Default 300,000; at least 60,000, since presence takes less for none. */
  readonly afterMs?: number;
  /** The BroadcastChannel by which the tabs of this browser tell each other that one is used. Default `realchat-presence`. */
  readonly channel?: string;
}

export interface Clock {
  /** Wall clock, ms since 1970. */
  now(): number;
  /** Calls `run` once after `delayMs`; the result cancels it. */
  after(delayMs: number, run: () => void): () => void;
  /** Uniform in [0, 1). */
  random(): number;
}
