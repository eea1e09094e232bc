import {
  type Clock,
  type Environment,
  instanceName,
  isLoopback,
  loadSettings,
  readBuild,
  type Start,
  showBuild,
  systemClock,
} from "@realchat/presence-runtime";
import { type DeliveryConfig, deliveryConfig } from "./delivery-config.ts";
import { conflictsAmong, type Purpose, tokenSettings } from "./setting-conflicts.ts";
import { type DeliveryValues, deliverySettings, type GivenValues } from "./settings.ts";

/** What runs here. */
export const build = readBuild(import.meta.url, process.env);

/**
 * Reads the configuration of a gateway: flag, else environment, else default.
 * @param argv arguments without program and script
 * @throws SettingsError listing everything that is wrong, or that does not go together
 */
export function loadConfig(
  argv: readonly string[],
  environment: Environment = process.env,
  clock: Clock = systemClock,
): Start<DeliveryConfig> {
  return load(argv, environment, clock, "gateway");
}

/** The same for a command beside the gateway: where that listens, and how, is not its problem. */
export function loadCommandConfig(
  argv: readonly string[],
  environment: Environment = process.env,
  clock: Clock = systemClock,
): Start<DeliveryConfig> {
  return load(argv, environment, clock, "command");
}

function load(
  argv: readonly string[],
  environment: Environment,
  clock: Clock,
  purpose: Purpose,
): Start<DeliveryConfig> {
  return loadSettings(
    {
      ...{ settings: deliverySettings, usage, version: showBuild("delivery", build), configOf: deliveryConfig },
      workOut: (given: GivenValues) => withDerived(given, clock),
      conflictsAmong: (values: DeliveryValues) => conflictsAmong(values, purpose),
    },
    argv,
    environment,
  );
}

const usage = `RealChat Delivery for presence: WebSockets in, dots out.

Usage: npm run start:delivery -- [flags]`;

function withDerived(given: GivenValues, clock: Clock): DeliveryValues {
  const speaksOfTokens = tokenSettings.some((name) => given[name] !== undefined);
  const auth = given.AUTH ?? (!speaksOfTokens && isLoopback(given.HTTP_PORT.host) ? "none" : "jwt");
  return {
    ...given,
    AUTH: auth,
    FEED: given.FEED ?? (given.KAFKA_BROKERS === undefined ? "watch" : "kafka"),
    SAMPLE_CAST: given.SAMPLE_CAST ?? auth === "none",
    INSTANCE_ID: given.INSTANCE_ID ?? instanceName(clock),
  };
}
