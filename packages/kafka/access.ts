/** How to get to a cluster, and as whom. */
export interface KafkaAccess {
  /** `host:port` of some brokers of the cluster; the others are learned from them. */
  readonly brokers: readonly string[];
  /** Names this process in the brokers' logs and quotas. */
  readonly clientId: string;
  /** Present: TLS. */
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
  /** Asked before every connection, where certificates or passwords are replaced: what to use instead from now on. */
  readonly current?: () => Pick<KafkaAccess, "tls" | "sasl">;
}

/** PEM texts. */
export interface KafkaTls {
  /** Who signed the brokers' certificates; absent: what Node trusts. */
  readonly ca?: string;
  /** For mutual TLS, both. */
  readonly certificate?: string;
  readonly key?: string;
}

export const saslMechanisms = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

export interface KafkaSasl {
  readonly mechanism: (typeof saslMechanisms)[number];
  readonly username: string;
  readonly password: string;
}

/** What no broker could ever accept, in one sentence that begins with the option; undefined: nothing. */
export function faultOfAccess({ brokers, tls, sasl }: Omit<KafkaAccess, "clientId">): string | undefined {
  if (brokers.length === 0) return "brokers is empty: name at least one as host:port";
  const broken = brokers.find((broker) => !isHostPort(broker));
  if (broken !== undefined) {
    return `brokers has ${JSON.stringify(broken)}: write host:port, such as kafka-1:9092 or [::1]:9092`;
  }
  if ((tls?.certificate === undefined) !== (tls?.key === undefined)) {
    return "tls has only one of certificate and key: for mutual TLS give both";
  }
  if (sasl === undefined) return undefined;
  if (!saslMechanisms.includes(sasl.mechanism)) {
    return `sasl.mechanism is ${JSON.stringify(sasl.mechanism)}: give one of ${saslMechanisms.join(", ")}`;
  }
  if (!sasl.username || !sasl.password) return "sasl lacks username or password: give both";
  return undefined;
}

/** As `faultOfAccess`. Source: org.apache.kafka.common.internals.Topic.validate */
export function faultOfTopic(topic: string): string | undefined {
  if (/^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/.test(topic)) return undefined;
  return `topic is ${JSON.stringify(topic)}: give 1 to 249 of a-z, A-Z, 0-9, ".", "_" and "-"`;
}

function isHostPort(broker: string): boolean {
  const port = Number(/^(?:[^\s:@/[\]]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})$/.exec(broker)?.[1]);
  return port >= 1 && port <= 65_535;
}
