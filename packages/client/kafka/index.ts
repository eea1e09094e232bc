export type { KafkaSasl, KafkaTls } from "@realchat/presence-kafka/access";
export type { PresenceChange } from "../presence-change.ts";
export { PresenceClientError, type PresenceClientErrorCode } from "../presence-client-error.ts";
export type { PresenceFeedOptions } from "./feed-options.ts";
export { type FeedMetrics, type FeedNews, type PresenceFeed, presenceFeed } from "./presence-feed.ts";
export type { ResetFloor } from "./reset-floors.ts";
