import {
  type Clock,
  type Environment,
  instanceName,
  loadSettings,
  readBuild,
  type Start,
  showBuild,
  systemClock,
} from "@realchat/presence-runtime";
import { type PresenceConfig, presenceConfig } from "./presence-config.ts";
import { conflictsAmong } from "./setting-conflicts.ts";
import { type GivenValues, type PresenceValues, presenceSettings } from "./settings.ts";

/** What runs here. */
export const build = readBuild(import.meta.url, process.env);

/**
 * Reads the configuration: flag, else environment, else default.
 * @param argv arguments without program and script
 * @throws SettingsError listing everything that is wrong, or that does not go together
 */
export function loadConfig(
  argv: readonly string[],
  environment: Environment = process.env,
  clock: Clock = systemClock,
): Start<PresenceConfig> {
  const workOut = (given: GivenValues) => withDerived(given, clock);
  return loadSettings(
    {
      settings: presenceSettings,
      usage,
      version: showBuild("presence", build),
      workOut,
      conflictsAmong,
      configOf: presenceConfig,
    },
    argv,
    environment,
  );
}

const usage = `RealChat Presence: who is online, on which devices, right now.

Usage: npm run start:presence -- [flags]`;

function withDerived(given: GivenValues, clock: Clock): PresenceValues {
  return {
    ...given,
    HEARTBEAT_INTERVAL: given.HEARTBEAT_INTERVAL ?? Math.floor(given.SESSION_TTL / 3),
    EVENTS: given.EVENTS ?? (given.KAFKA_BROKERS ? ["kafka"] : ["memory"]),
    INSTANCE_ID: given.INSTANCE_ID ?? instanceName(clock),
  };
}
