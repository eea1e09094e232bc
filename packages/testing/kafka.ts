import { createHash, randomBytes } from "node:crypto";
import { cpSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Child, startChild } from "./child.ts";
import { containerProgram, type ServerProgram } from "./container.ts";
import { freePort } from "./free-port.ts";
import { kafkaAnswers, kafkaServes } from "./kafka-ping.ts";
import { cache, filledFolder } from "./provision/folders.ts";
import { type KafkaServer, kafkaImage, provideKafka } from "./provision/kafka-server.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { waitUntil } from "./wait-until.ts";

export type KafkaOptions = {
  /** Further entries of server.properties; they win over ours. */
  properties?: Readonly<Record<string, string>>;
  /** Listeners beside the plain one; keys and logins come in `properties`. */
  listeners?: readonly ("SSL" | "SASL_PLAINTEXT" | "SASL_SSL")[];
  /** Further plain listeners by name, each with the port on loopback that it tells its clients: that of a proxy. */
  proxied?: Readonly<Record<string, number>>;
  /** SCRAM users to begin with, such as `SCRAM-SHA-256=[name=alice,password=secret]`. */
  scram?: readonly string[];
  /** Further options of the broker's Java, while there is no archive of its classes. */
  java?: readonly string[];
  /** How long a start may take; default 60,000. */
  deadlineMs?: number;
};

/** A Kafka broker that belongs to one test: it may be frozen, killed and restarted at will. */
export type TestKafka = {
  /** Of the plain listener, such as `127.0.0.1:15092`. */
  readonly brokers: string;
  /** Addresses by name of the listener. */
  readonly listeners: Readonly<Record<string, string>>;
  /** Of the process that runs now: another one after `restart`. */
  readonly pid: number;
  /** All that it logged since it was started. */
  logs(): string;
  /** SIGSTOP: connections stay open, nothing answers. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Ends it in good order if it runs, and starts it again on the same port, with the topics and records it had. */
  restart(): Promise<void>;
  /** Ends it for good and removes its temporary folder. */
  stop(): Promise<void>;
};

const host = "127.0.0.1";

/**
 * Starts a real Kafka on loopback, one broker in KRaft mode, which creates no topics by itself. Takes about three
 * seconds.
 * @throws Error with the broker's own words when it does not come up
 */
export async function startKafka(options: KafkaOptions = {}): Promise<TestKafka> {
  const folder = temporaryFolder("kafka");
  const ports: Record<string, number> = { PLAINTEXT: await freePort(), CONTROLLER: await freePort() };
  for (const name of [...(options.listeners ?? []), ...Object.keys(options.proxied ?? {})])
    ports[name] = await freePort();
  const server = await kafkaProgram(ports, folder.path, options);
  const brokers = `${host}:${ports.PLAINTEXT}`;
  const withLogin = ports.SASL_PLAINTEXT && `${host}:${ports.SASL_PLAINTEXT}`;
  const start = async () => {
    const child = await server.start();
    const { deadlineMs = 60_000 } = options;
    await untilEndedOr(child, () => kafkaServes(brokers), `Kafka serves at ${brokers}`, deadlineMs);
    // Its listeners open one after the other.
    if (withLogin) {
      await untilEndedOr(child, () => kafkaAnswers(withLogin), `Kafka answers at ${withLogin}`, deadlineMs);
    }
    return child;
  };

  let child = await start();
  return {
    brokers,
    listeners: Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, `${host}:${port}`])),
    get pid() {
      return child.pid;
    },
    logs: () => child.output(),
    pause: () => child.signal("SIGSTOP"),
    resume: () => child.signal("SIGCONT"),
    async kill() {
      await child.end("SIGKILL");
    },
    async restart() {
      await child.end("SIGTERM");
      child = await start();
    },
    async stop() {
      await child.end("SIGKILL");
      server.remove();
      folder.remove();
    },
  };
}

/**
 * Starts the Kafka of a whole test run. The first one on a machine ends once in good order: Java archives the classes then,
 * and later starts take half as long. https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html
 */
export async function startSharedKafka(): Promise<TestKafka> {
  const source = await provideKafka();
  if (source.kind === "container" || existsSync(classesOf(source))) return startKafka();
  const kafka = await startKafka({ java: [`-XX:ArchiveClassesAtExit=${classesOf(source)}`] });
  await kafka.restart();
  return kafka;
}

let shared: Promise<{ brokers: string }> | undefined;

/** The Kafka of the whole test run (TEST_KAFKA_BROKERS), else one for this process. Use topics with names of your own. */
export function sharedKafka(): Promise<{ brokers: string }> {
  const brokers = process.env.TEST_KAFKA_BROKERS;
  shared ??= brokers === undefined ? startKafka() : Promise.resolve({ brokers });
  return shared;
}

type Ports = Readonly<Record<string, number>>;

async function kafkaProgram(ports: Ports, folder: string, options: KafkaOptions): Promise<ServerProgram> {
  const source = await provideKafka();
  // One in 64 begins with a dash, which would be taken for an option if it were an argument of its own.
  const clusterId = `--cluster-id=${randomBytes(16).toString("base64url")}`;
  const scram = (options.scram ?? []).flatMap((user) => ["--add-scram", user]);
  if (source.kind === "container") return kafkaContainer(ports, folder, options, [clusterId, ...scram]);

  const { java, jars } = source;
  const run = (main: string, args: readonly string[], withoutArchive: readonly string[] = []) => {
    const classes = classesOf(source);
    const further = existsSync(classes) ? [`-XX:SharedArchiveFile=${classes}`] : withoutArchive;
    const logFile = join(folder, `${main}.log`);
    return startChild(java, [...quickJava, ...further, "-cp", `${jars}/*`, main, ...args], { logFile });
  };
  const configured = (dataFolder: string) => {
    const file = join(folder, "server.properties");
    writeFileSync(file, serverProperties(ports, host, dataFolder, options));
    return file;
  };
  const format = async (dataFolder: string) => {
    const args = ["format", "-c", configured(dataFolder), clusterId, ...scram];
    const formatting = await run("kafka.tools.StorageTool", args);
    const code = await formatting.untilEnded();
    if (code !== 0) throw new Error(`Kafka could not format its folder (code ${code}):\n${formatting.output()}`);
    return true;
  };

  const data = join(folder, "data");
  if (scram.length > 0) await format(data);
  else {
    const formatted = keptOf(source, "formatted");
    await filledFolder(formatted, format);
    cpSync(formatted, data, { recursive: true });
  }
  const file = configured(data);
  return { start: () => run("kafka.Kafka", [file], options.java), remove() {} };
}

function kafkaContainer(
  ports: Ports,
  folder: string,
  options: KafkaOptions,
  formatArgs: readonly string[],
): ServerProgram {
  const properties = serverProperties(ports, "0.0.0.0", "/tmp/kafka-data", options);
  const script = `cd /opt/kafka/bin && printf %s "$PROPERTIES" > /tmp/server.properties &&
    ./kafka-storage.sh format --config /tmp/server.properties "$@" &&
    exec ./kafka-server-start.sh /tmp/server.properties`;
  return containerProgram({
    image: kafkaImage,
    ports: Object.values(ports),
    command: ["sh", "-c", script, "sh", "--ignore-formatted", ...formatArgs],
    env: { PROPERTIES: properties, KAFKA_HEAP_OPTS: "-Xmx512m" },
    folder,
  });
}

type KafkaProgram = Extract<KafkaServer, { kind: "program" }>;

/** Where Java keeps the classes of this Kafka as it has them in memory. */
function classesOf(source: KafkaProgram): string {
  return keptOf(source, "classes.jsa");
}

/** In the cache, a name of its own for each Java and Kafka. */
function keptOf({ java, jars }: KafkaProgram, name: string): string {
  const which = createHash("sha256").update([java, ...readdirSync(jars)].join());
  return join(cache, `kafka-${which.digest("hex").slice(0, 12)}-${name}`);
}

// A broker of a few minutes: what its Java would win by thorough compilation and a parallel collector it never earns.
const quickJava = [
  ...["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"],
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
];

/** https://kafka.apache.org/43/configuration/broker-configs */
function serverProperties(ports: Ports, bind: string, dataFolder: string, options: KafkaOptions): string {
  const names = Object.keys(ports);
  const brokers = names.filter((name) => name !== "CONTROLLER");
  const { proxied = {} } = options;
  const at = (address: string) => (name: string) => `${name}://${address}:${ports[name]}`;
  const told = (name: string) => `${name}://${host}:${proxied[name] ?? ports[name]}`;
  const protocolOf = (name: string) => `${name}:${name in proxied ? "PLAINTEXT" : name}`;
  const properties = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@${host}:${ports.CONTROLLER}`,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    listeners: names.map(at(bind)).join(","),
    "advertised.listeners": brokers.map(told).join(","),
    "listener.security.protocol.map": ["CONTROLLER:PLAINTEXT", ...brokers.map(protocolOf)].join(","),
    "log.dirs": dataFolder,
    // The product creates its topics; a broker that does it by itself would hide when it does not.
    "auto.create.topics.enable": "false",
    // One broker cannot replicate, and one partition is quick to load.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    // After a crash the controller keeps a broker out until its last life's session is over: nine seconds by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    ...options.properties,
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

async function untilEndedOr(
  child: Child,
  holds: () => Promise<boolean>,
  what: string,
  deadlineMs: number,
): Promise<void> {
  let ended = false;
  const look = async () => {
    ended = child.exitCode() !== undefined;
    return ended || (await holds());
  };
  try {
    await waitUntil(look, { what, deadlineMs });
  } catch (cause) {
    throw new Error(`${cause instanceof Error ? cause.message : cause}; it said:\n${child.output()}`, { cause });
  }
  if (ended) throw new Error(`Kafka ended with code ${child.exitCode()}; it said:\n${child.output()}`);
}
