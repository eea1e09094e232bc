import { peerAddress } from "./address.ts";
import { listOf, oneOf, secret, text, toggle } from "./kinds.ts";
import { certificateFile } from "./pem-file.ts";
import { live, type Values } from "./setting.ts";

/** Where and as whom a service reaches Kafka. */
export const kafkaSettings = {
  KAFKA_BROKERS: { kind: listOf(peerAddress), meaning: "brokers to start from" },
  KAFKA_TLS: { kind: toggle, default: "false", meaning: "speak TLS to the brokers" },
  KAFKA_TLS_CA: {
    kind: live(certificateFile),
    default: { meaning: "Node's list" },
    meaning: "authority that signed the brokers' certificates (PEM)",
  },
  KAFKA_SASL_MECHANISM: {
    kind: oneOf(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]),
    meaning: "how to log in to the brokers",
  },
  KAFKA_SASL_USERNAME: { kind: live(text({ maxBytes: 256 })), meaning: "as whom" },
  KAFKA_SASL_PASSWORD: { kind: live(secret), meaning: "with which password" },
} as const;

type KafkaValues = Values<typeof kafkaSettings>;

/** What does not go together, one sentence each. */
export function* kafkaConflicts(values: KafkaValues): Iterable<string> {
  for (const name of ["KAFKA_TLS", "KAFKA_SASL_MECHANISM"] as const) {
    if (!values[name] || values.KAFKA_BROKERS) continue;
    yield `${name} is set, but KAFKA_BROKERS is not: give the brokers as host:port,host:port`;
  }
  if (values.KAFKA_TLS_CA && !values.KAFKA_TLS) yield "KAFKA_TLS_CA is set, but KAFKA_TLS is not: give KAFKA_TLS=true";
  const login = [values.KAFKA_SASL_MECHANISM, values.KAFKA_SASL_USERNAME, values.KAFKA_SASL_PASSWORD];
  if (login.includes(undefined) && login.some((part) => part !== undefined)) {
    yield "KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD belong together: give all three or none";
  }
}

/** How to speak to the brokers. */
export interface KafkaSecurity {
  /** `ca`: PEM; undefined: Node's own list. */
  readonly tls: { readonly ca: string | undefined } | undefined;
  readonly sasl: KafkaSasl | undefined;
}

interface KafkaSasl {
  readonly mechanism: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
  readonly username: string;
  readonly password: string;
}

/** @param values free of conflicts */
export function kafkaSecurity(values: KafkaValues): KafkaSecurity {
  return { tls: values.KAFKA_TLS ? { ca: values.KAFKA_TLS_CA?.pem } : undefined, sasl: saslOf(values) };
}

function saslOf(values: KafkaValues): KafkaSasl | undefined {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = values;
  if (mechanism === undefined || username === undefined || password === undefined) return undefined;
  return { mechanism, username, password };
}
