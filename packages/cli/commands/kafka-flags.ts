import { type KafkaAccess, saslMechanisms } from "@realchat/presence-kafka/access";
import { certificateFile, listOf, oneOf, peerAddress, secret, text } from "@realchat/presence-runtime/settings";
import { CliError } from "../cli-error.ts";
import { type FlagValues, given } from "../flag.ts";

/** Under the names that the presence service has for them. */
export const kafkaFlags = {
  brokers: { kind: listOf(peerAddress), variable: "KAFKA_BROKERS", meaning: "Kafka brokers to start from" },
  topic: {
    kind: text({ maxBytes: 249 }),
    default: "presence.events.v1",
    variable: "KAFKA_TOPIC",
    meaning: "topic of the events",
  },
  "kafka-tls": { ...given("speak TLS to the brokers"), variable: "KAFKA_TLS" },
  "kafka-tls-ca": {
    kind: certificateFile,
    variable: "KAFKA_TLS_CA",
    meaning: "authority that signed the brokers' certificates (PEM)",
  },
  "kafka-sasl-mechanism": {
    kind: oneOf(saslMechanisms),
    variable: "KAFKA_SASL_MECHANISM",
    meaning: "how to log in to the brokers",
  },
  "kafka-sasl-username": { kind: text({ maxBytes: 256 }), variable: "KAFKA_SASL_USERNAME", meaning: "as whom" },
  "kafka-sasl-password": { kind: secret, variable: "KAFKA_SASL_PASSWORD", meaning: "with which password" },
} as const;

/** How the brokers want to be spoken to. @throws CliError USAGE when the login is incomplete */
export function kafkaSecurity(flags: FlagValues<typeof kafkaFlags>): Pick<KafkaAccess, "tls" | "sasl"> {
  const ca = flags["kafka-tls-ca"]?.pem;
  const mechanism = flags["kafka-sasl-mechanism"];
  const username = flags["kafka-sasl-username"];
  const password = flags["kafka-sasl-password"];
  const tls = (flags["kafka-tls"] || ca !== undefined) && { tls: ca === undefined ? {} : { ca } };
  if (mechanism === undefined) return { ...tls };
  if (username === undefined || password === undefined) {
    throw new CliError("USAGE", "--kafka-sasl-mechanism needs --kafka-sasl-username and --kafka-sasl-password");
  }
  return { ...tls, sasl: { mechanism, username, password } };
}
