import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { MissingServerError } from "./provision/missing-server.ts";

/** What a Redis with TLS is started with, PEM: its certificate and key, and the authority that signed it. */
export type RedisTls = {
  readonly ca: string;
  readonly server: { readonly certificate: string; readonly key: string };
};

/** Paths. */
type TlsFiles = { readonly certificate: string; readonly key: string; readonly ca: string };

export function writeTlsFiles({ ca, server }: RedisTls, folder: string): TlsFiles {
  const files = {
    certificate: join(folder, "server.pem"),
    key: join(folder, "server.key"),
    ca: join(folder, "ca.pem"),
  };
  writeFileSync(files.certificate, server.certificate);
  writeFileSync(files.key, server.key);
  writeFileSync(files.ca, ca);
  return files;
}

/** Source: https://redis.io/docs/latest/operate/oss_and_stack/management/security/encryption/ */
export function tlsArgs(port: number, { certificate, key, ca }: TlsFiles): string[] {
  return [
    ...["--port", "0", "--tls-port", String(port), "--tls-auth-clients", "no"],
    ...["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", ca],
  ];
}

/** Whether a server that ended said that it was built without TLS: Redis does not know the directives then. */
export function isWithoutTls(output: string): boolean {
  return /'tls-[^\n]*\n[^\n]*Bad directive|Failed finding TLS support/.test(output);
}

export function withoutTls(): MissingServerError {
  const command = process.env.REDIS_SERVER === undefined ? undefined : "env -u REDIS_SERVER npm test";
  return new MissingServerError("Redis", "the redis-server at hand was built without TLS", { command });
}
