import { issueCertificates } from "@realchat/presence-rpc/testing";
import { startKafka, type TestKafka } from "@realchat/presence-testing";
import { type KafkaSasl, saslMechanisms } from "../access.ts";

export interface SecuredKafka {
  readonly kafka: TestKafka;
  readonly certificates: ReturnType<typeof issueCertificates>;
  /** The login that the broker takes, with any mechanism. */
  readonly login: Pick<KafkaSasl, "username" | "password">;
}

/** Starts a broker whose listeners want mutual TLS (SSL), a login (SASL_PLAINTEXT), or a login within TLS (SASL_SSL). */
export async function startSecuredKafka(): Promise<SecuredKafka> {
  const certificates = issueCertificates();
  const login = { username: "alice", password: "open sesame" };
  const { username, password } = login;
  const kafka = await startKafka({
    listeners: ["SSL", "SASL_PLAINTEXT", "SASL_SSL"],
    scram: ["SCRAM-SHA-256", "SCRAM-SHA-512"].map(
      (mechanism) => `${mechanism}=[name=${username},password=${password}]`,
    ),
    properties: {
      "sasl.enabled.mechanisms": saslMechanisms.join(","),
      ...loginsOf("sasl_plaintext", login),
      ...loginsOf("sasl_ssl", login),
      "ssl.keystore.type": "PEM",
      "ssl.keystore.key": oneLine(certificates.server.key),
      "ssl.keystore.certificate.chain": oneLine(certificates.server.certificate),
      "ssl.truststore.type": "PEM",
      "ssl.truststore.certificates": oneLine(certificates.ca),
      "listener.name.ssl.ssl.client.auth": "required",
    },
  });
  return { kafka, certificates, login };
}

function loginsOf(listener: string, { username, password }: SecuredKafka["login"]): Record<string, string> {
  const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${username}="${password}";`;
  return {
    [`listener.name.${listener}.plain.sasl.jaas.config`]: plain,
    [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`]: scram,
    [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`]: scram,
  };
}

/** As a properties file wants it. */
function oneLine(pem: string): string {
  return pem.replaceAll("\n", "\\n");
}
