import { existsSync, globSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { onPath, runCommand } from "./command.ts";
import { debianPackages } from "./debian.ts";
import { dockerHas } from "./docker.ts";
import { cache, filledFolder } from "./folders.ts";
import { handedOver } from "./hand-over.ts";
import { trustNodesCertificates } from "./java-trust-store.ts";
import { MissingServerError } from "./missing-server.ts";
import { type Progress, toStandardError } from "./progress.ts";

const VERSION = "4.3.1";
const OLDEST_JAVA = 17;
const DOWNLOADED = `${cache}/kafka-${VERSION}`;
export const kafkaImage = `apache/kafka:${VERSION}`;

/** Java and the folder of Kafka's jars, or a container of `kafkaImage`. */
export type KafkaServer = { kind: "program"; java: string; jars: string } | { kind: "container" };

/**
 * Finds a Kafka: Java ≥ 17 (JAVA_HOME, PATH) with the jars of KAFKA_HOME, a distribution's folder, or of
 * Maven Central; Java and Maven from the package manager; Docker.
 * @throws MissingServerError naming the command that would help
 */
export async function provideKafka(say: Progress = toStandardError): Promise<KafkaServer> {
  const known = handedOver<KafkaServer>("kafka");
  if (known !== undefined) return known;
  const java = await firstRecent([homeJava(), onPath("java")]);
  const jars = jarsHere() ?? (java && (await downloadJars(onPath("mvn"), java, say)));
  if (java && jars) return { kind: "program", java, jars };

  const root = await debianPackages(["default-jre-headless", "maven"], say);
  if (root !== undefined) {
    const installed = java ?? (await firstRecent(globSync(`${root}/usr/lib/jvm/*/bin/java`)));
    if (installed) trustNodesCertificates(javaHome(installed));
    const brought = jars ?? (installed && (await downloadJars(`${root}/usr/share/maven/bin/mvn`, installed, say)));
    if (installed && brought) return { kind: "program", java: installed, jars: brought };
  }

  if (await dockerHas(kafkaImage, say)) return { kind: "container" };
  throw new MissingServerError("Kafka", `${reason(java)}, and no Docker engine answers`);
}

function reason(java: string | undefined): string {
  if (java === undefined) return `neither JAVA_HOME, PATH nor the package manager has Java ${OLDEST_JAVA} or newer`;
  return `KAFKA_HOME is not set, Maven (mvn) did not bring Kafka ${VERSION}`;
}

function homeJava(): string | undefined {
  return process.env.JAVA_HOME && `${process.env.JAVA_HOME}/bin/java`;
}

function javaHome(java: string): string {
  return dirname(dirname(realpathSync(java)));
}

async function firstRecent(candidates: readonly (string | undefined)[]): Promise<string | undefined> {
  for (const java of candidates) if (java && (await isRecent(java))) return java;
  return undefined;
}

/** `java -version` answers `openjdk version "17.0.15" …`. */
async function isRecent(java: string): Promise<boolean> {
  const { output } = await runCommand(java, ["-version"], { timeoutMs: 60_000 });
  return Number(/version "(\d+)/.exec(output)?.[1] ?? 0) >= OLDEST_JAVA;
}

function jarsHere(): string | undefined {
  const home = process.env.KAFKA_HOME;
  if (home !== undefined) return `${home}/libs`;
  return existsSync(DOWNLOADED) ? DOWNLOADED : undefined;
}

async function downloadJars(mvn: string | undefined, java: string, say: Progress): Promise<string | undefined> {
  if (mvn === undefined || !existsSync(mvn)) return undefined;
  say(`mvn dependency:copy-dependencies: Kafka ${VERSION} into ${DOWNLOADED}`);
  const pom = fileURLToPath(new URL("./kafka-pom.xml", import.meta.url));
  const env = { JAVA_HOME: javaHome(java) };
  const filled = await filledFolder(DOWNLOADED, async (partial) => {
    const goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${partial}`];
    const { ok, output } = await runCommand(mvn, ["--quiet", "--batch-mode", "--file", pom, ...goal], { env });
    if (!ok) say(output.slice(-2_000));
    return ok;
  });
  return filled ? DOWNLOADED : undefined;
}
