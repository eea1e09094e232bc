import {
  type Address,
  type CommandLine,
  systemClock as clock,
  createLog,
  hasRedis,
  parseCommandLine,
  readSettings,
  SettingsError,
  showAddress,
  startOrExit,
} from "@realchat/presence-runtime";
import { environmentsFor, withConfigFile } from "./start/environments.ts";
import { withGatewayDefaults } from "./start/gateway-defaults.ts";
import { untilReady } from "./start/readiness.ts";
import { outputFormat } from "./start/service-output.ts";
import { ServiceProcess } from "./start/service-process.ts";
import { delivery, presence, services } from "./start/services.ts";
import { liveTogether } from "./start/together.ts";

/** `npm start`: presence and one gateway, two processes under one roof. */

const usage = `RealChat Presence and one gateway, with a page that shows it.

Usage: npm start -- [flags]

Every flag and variable goes to whichever of the two knows it. PRESENCE_ or DELIVERY_ before a variable's name gives it to
one alone: PRESENCE_HTTP_ADDR, DELIVERY_LOG_LEVEL; also in a config file, which is read once, at start. Each runs alone with
npm run start:presence, npm run start:delivery.
`;

// They are in the environment by then.
const noFlags: CommandLine = { given: new Map(), asksFor: undefined, problems: [] };

await startOrExit("RealChat", async () => {
  const commandLine = parseCommandLine({ ...presence.settings, ...delivery.settings }, process.argv.slice(2));
  if (commandLine.asksFor === "help") {
    process.stdout.write([usage, ...services.map((service) => service.ask("--help", {}))].join("\n"));
    return;
  }
  if (commandLine.asksFor === "version") {
    process.stdout.write(services.map((service) => service.ask("--version", {})).join(""));
    return;
  }
  if (commandLine.problems.length > 0) throw new SettingsError(commandLine.problems);
  const { configFile } = commandLine;
  const environment = configFile ? withConfigFile(configFile, [presence, delivery], process.env) : process.env;
  const [forPresence, given] = environmentsFor([presence, delivery], environment, commandLine.given);
  const grpc = readSettings(presence.settings, { commandLine: noFlags, environment: forPresence }).values.GRPC_ADDR;
  const forDelivery = withGatewayDefaults(given, showAddress(reachable(grpc)));
  // Both answer before either is started: what is wrong with one is no reason to see the other come and go.
  const configs = [presence.ask("--print-config", forPresence), delivery.ask("--print-config", forDelivery)];
  if (commandLine.asksFor === "print-config") process.stdout.write(configs.join("\n"));
  else await run(forPresence, forDelivery);
});

async function run(forPresence: NodeJS.ProcessEnv, forDelivery: NodeJS.ProcessEnv): Promise<void> {
  const { values: ofPresence } = readSettings(presence.settings, { commandLine: noFlags, environment: forPresence });
  const { values: ofDelivery } = readSettings(delivery.settings, { commandLine: noFlags, environment: forDelivery });
  const { LOG_FORMAT: format, LOG_LEVEL: level } = ofDelivery;
  const isPretty = format === "pretty" || (format === "auto" && process.stdout.isTTY);
  const shown = outputFormat(isPretty);
  const log = createLog(
    { service: "start", instance: String(process.pid), level, format: "json" },
    { write: (line) => process.stdout.write(shown("start", line.trimEnd())) },
  );
  const start = (service: (typeof services)[number], environment: NodeJS.ProcessEnv) => {
    const env = { ...environment, LOG_FORMAT: "json" };
    const write = (line: string, stream: "stdout" | "stderr") => void process[stream].write(shown(service.name, line));
    return new ServiceProcess(service, env, write);
  };
  const presenceProcess = start(presence, forPresence);
  const deliveryProcess = start(delivery, forDelivery);
  // The gateway stops first: it hands its sessions over.
  const over = liveTogether(presenceProcess, deliveryProcess, {
    log,
    deadlineMs: drainMs(ofPresence) + drainMs(ofDelivery) + 1_000,
  });

  const untilUp = ({ name }: ServiceProcess, operations: Address) =>
    untilReady(`http://${show(operations)}`, clock, (answer) => log.warn(`still waiting for ${name}: ${answer}`), over);
  await Promise.all([untilUp(presenceProcess, ofPresence.HTTP_ADDR), untilUp(deliveryProcess, ofDelivery.HTTP_ADDR)]);
  if (over.aborted) return;
  const url = `http${ofDelivery.TLS_CERT ? "s" : ""}://${show(ofDelivery.HTTP_PORT)}`;
  log.info({ url }, "presence and delivery are up");
  // Not on stdout, which is the log's and may be JSON.
  process.stderr.write(
    greeting(url, show(ofPresence.GRPC_ADDR), {
      hasRedis: hasRedis(ofPresence),
      hasKafka: ofPresence.KAFKA_BROKERS !== undefined,
    }),
  );
}

/** Most that stopping a service takes. */
function drainMs(of: { readonly DRAIN_DELAY: number; readonly DRAIN_TIMEOUT: number }): number {
  return of.DRAIN_DELAY + of.DRAIN_TIMEOUT;
}

/** What to do next, and what it runs on. */
function greeting(url: string, grpc: string, on: { hasRedis: boolean; hasKafka: boolean }): string {
  return `
RealChat is up: ${url}

  Open it in two windows, as two people, and see each other's dots turn green and grey.

  state   ${on.hasRedis ? "in Redis" : "in memory, gone when this ends: REDIS_URL=redis://host:6379 keeps and shares it"}
  events  ${on.hasKafka ? "through Kafka" : "straight from presence: KAFKA_BROKERS=host:9092 sends them through Kafka"}
  gRPC    ${grpc}

  In another terminal: npm run -s presence -- watch${grpc === "127.0.0.1:50056" ? "" : ` --addr ${grpc}`}

`;
}

function show(address: Address): string {
  return showAddress(reachable(address));
}

/** Where to reach from here what listens there. */
function reachable({ host, port }: Address): Address {
  return { host: ["", "0.0.0.0", "::"].includes(host) ? "127.0.0.1" : host, port };
}
