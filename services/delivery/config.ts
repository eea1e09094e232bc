import { hostname } from "node:os";
import {
  type Clock,
  configText,
  type Environment,
  helpText,
  isLoopback,
  parseCommandLine,
  readSettings,
  SettingsError,
  systemClock,
} from "@realchat/presence-runtime";
import { type DeliveryConfig, deliveryConfig } from "./delivery-config.ts";
import { conflictsAmong, type Purpose } from "./setting-conflicts.ts";
import { type DeliveryValues, deliverySettings, type GivenValues } from "./settings.ts";

/** What the command line asks for: to run, or only to print something. */
export type Start =
  | { readonly kind: "run"; readonly config: DeliveryConfig }
  | { readonly kind: "print"; readonly text: string };

/**
 * Reads the configuration of a gateway: flag, else environment, else default.
 * @param argv arguments without program and script
 * @throws SettingsError listing everything that is wrong, or that does not go together
 */
export function loadConfig(
  argv: readonly string[],
  environment: Environment = process.env,
  clock: Clock = systemClock,
): Start {
  return load(argv, environment, clock, "gateway");
}

/** The same for a command beside the gateway: where that listens, and how, is not its problem. */
export function loadCommandConfig(
  argv: readonly string[],
  environment: Environment = process.env,
  clock: Clock = systemClock,
): Start {
  return load(argv, environment, clock, "command");
}

function load(argv: readonly string[], environment: Environment, clock: Clock, purpose: Purpose): Start {
  const commandLine = parseCommandLine(deliverySettings, argv);
  if (commandLine.asksFor === "help") return { kind: "print", text: helpText(usage, deliverySettings) };
  const { values: given, origins } = readSettings(deliverySettings, commandLine, environment);
  const values = workOut(given, clock);
  const conflicts = conflictsAmong(values, purpose);
  if (conflicts.length > 0) throw new SettingsError(conflicts);
  if (commandLine.asksFor === "print-config") {
    return { kind: "print", text: configText(deliverySettings, values, origins) };
  }
  return { kind: "run", config: deliveryConfig(values) };
}

const usage = `RealChat Delivery for presence: WebSockets in, dots out.

Usage: npm run start:delivery -- [flags]`;

function workOut(given: GivenValues, clock: Clock): DeliveryValues {
  const hasKey = (given.JWT_SECRET ?? given.JWT_PUBLIC_KEY ?? given.JWKS_URL) !== undefined;
  const auth = given.AUTH ?? (!hasKey && isLoopback(given.HTTP_PORT.host) ? "none" : "jwt");
  return {
    ...given,
    AUTH: auth,
    FEED: given.FEED ?? (given.KAFKA_BROKERS === undefined ? "watch" : "kafka"),
    SAMPLE_CAST: given.SAMPLE_CAST ?? auth === "none",
    // With the time, because a container that comes back has the host name and process id that it had.
    INSTANCE_ID: given.INSTANCE_ID ?? `${hostname()}-${process.pid}-${clock.nowUs().toString(36)}`,
  };
}
