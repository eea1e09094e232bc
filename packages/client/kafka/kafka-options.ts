import { type Clock, systemClock } from "@realchat/presence-runtime/clock";
import { PresenceClientError } from "../presence-client-error.ts";

/** Where the events are, and from where on they are wanted. */
export interface PresenceFeedOptions {
  /** `host:port` of some brokers of the cluster; the others are learned from them. */
  readonly brokers: readonly string[];
  /** Default `presence.events.v1`. */
  readonly topic?: string;
  /** Default `now`; positions are those that a feed told before, by partition. */
  readonly from?: "now" | "beginning" | ReadonlyMap<number, bigint>;
  /** Present: TLS. */
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
  /** Names this process in the brokers' logs and quotas; default `presence-client`. */
  readonly clientId?: string;
  /** Users whose version is remembered, to leave out repetitions; default 100,000, those heard of last. */
  readonly usersMax?: number;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** PEM texts. */
export interface KafkaTls {
  /** Who signed the brokers' certificates; absent: what Node trusts. */
  readonly ca?: string;
  /** For mutual TLS, both. */
  readonly certificate?: string;
  readonly key?: string;
}

export interface KafkaSasl {
  readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
  readonly username: string;
  readonly password: string;
}

export type FeedSettings = PresenceFeedOptions &
  Required<Pick<PresenceFeedOptions, "topic" | "from" | "clientId" | "usersMax" | "clock">>;

/** @throws PresenceClientError INVALID_ARGUMENT naming the option */
export function feedSettings(options: PresenceFeedOptions): FeedSettings {
  const { brokers, usersMax = 100_000, tls } = options;
  if (brokers.length === 0) throw invalid("brokers is empty: name at least one as host:port");
  for (const broker of brokers) {
    const port = Number(/^(?:[^\s:@/[\]]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(broker)?.[1]);
    if (!(port >= 1 && port <= 65_535)) throw invalid(`brokers has ${JSON.stringify(broker)}: write host:port`);
  }
  if (!(usersMax >= 1)) throw invalid(`usersMax is ${usersMax}: give a positive number`);
  if ((tls?.certificate === undefined) !== (tls?.key === undefined)) {
    throw invalid("tls has only one of certificate and key: for mutual TLS give both");
  }
  return {
    ...options,
    topic: options.topic ?? "presence.events.v1",
    from: options.from ?? "now",
    clientId: options.clientId ?? "presence-client",
    usersMax,
    clock: options.clock ?? systemClock,
  };
}

function invalid(message: string): PresenceClientError {
  return new PresenceClientError("INVALID_ARGUMENT", message);
}
