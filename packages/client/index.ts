export type { CallOptions, RpcClient } from "@realchat/presence-grpc";
export * as presence from "@realchat/presence-proto/presence";
export type { Span, SpanOptions, Tracer } from "@realchat/presence-runtime/tracer";
export type { Bound } from "./bound.ts";
export type { ChannelState } from "./grpc/channel.ts";
export {
  type ChannelHealth,
  type ChannelMetrics,
  type PresenceAccess,
  type PresenceApi,
  PresenceChannels,
  type PresenceChannelsOptions,
  type TlsOptions,
} from "./grpc/presence-channels.ts";
export type { PresenceChange } from "./presence-change.ts";
export { type ClosedByOperator, PresenceClientError, type PresenceClientErrorCode } from "./presence-client-error.ts";
export type { KeeperMetrics } from "./sessions/keeper-metrics.ts";
export type { KeeperLimits, SessionKeeperOptions } from "./sessions/keeper-options.ts";
export type {
  Activity,
  CloseReason,
  SessionHandle,
  SessionListener,
  SessionState,
  Successor,
} from "./sessions/session-handle.ts";
export { type OpenSession, SessionKeeper } from "./sessions/session-keeper.ts";
export { type Notify, shouldNotify } from "./status/should-notify.ts";
export { type HeldClaim, type StatusClaim, selfClaim } from "./status/status-claim.ts";
export {
  StatusKeeper,
  type StatusKeeperMetrics,
  type StatusKeeperOptions,
  type ToldStatus,
  type UserClaims,
} from "./status/status-keeper.ts";
export {
  type Availability,
  availabilities,
  isToldApart,
  plainStatus,
  type UserStatus,
  userStatusOf,
  wireAvailabilityOf,
} from "./status/user-status.ts";
export type { OnListenerError } from "./tell.ts";
export type { PresenceNews } from "./watch/presence-news.ts";
export { PresenceWatch, type WatchMetrics, type WatchOptions, watch } from "./watch/watch.ts";
