import { faultOfAccess, faultOfTopic, type KafkaAccess } from "@realchat/presence-kafka/access";
import { type Clock, systemClock } from "@realchat/presence-runtime/clock";
import { PresenceClientError } from "../presence-client-error.ts";
import type { ResetFloor } from "./reset-floors.ts";

/** Where the events are, and from where on they are wanted. */
export interface PresenceFeedOptions extends Omit<KafkaAccess, "clientId"> {
  /** Default `presence.events.v1`. */
  readonly topic?: string;
  /** Default `now`; positions are those that a feed told before, by partition. */
  readonly from?: "now" | "beginning" | ReadonlyMap<number, bigint>;
  /** What resets have told, with the positions: of the feed that told those. */
  readonly floors?: Iterable<ResetFloor>;
  /** Names this process in the brokers' logs and quotas; default `presence-client`. */
  readonly clientId?: string;
  /** Users whose version is remembered, to leave out repetitions; default 100,000, those heard of last. */
  readonly usersMax?: number;
  /** Whether changes are to say by what they are traced; default false. */
  readonly traces?: boolean;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export type FeedSettings = PresenceFeedOptions &
  Required<Pick<PresenceFeedOptions, "topic" | "from" | "clientId" | "usersMax" | "clock">>;

/** @throws PresenceClientError INVALID_ARGUMENT naming the option */
export function feedSettings(options: PresenceFeedOptions): FeedSettings {
  const { topic = "presence.events.v1", usersMax = 100_000 } = options;
  const fault = faultOfAccess(options) ?? faultOfTopic(topic) ?? faultOfUsersMax(usersMax);
  if (fault !== undefined) throw new PresenceClientError("INVALID_ARGUMENT", fault);
  return {
    ...options,
    topic,
    from: options.from ?? "now",
    clientId: options.clientId ?? "presence-client",
    usersMax,
    clock: options.clock ?? systemClock,
  };
}

function faultOfUsersMax(usersMax: number): string | undefined {
  return usersMax >= 1 ? undefined : `usersMax is ${usersMax}: give a positive number`;
}
