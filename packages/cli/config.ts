import type { Environment } from "@realchat/presence-runtime/settings";

/** The environment, where flags find their values when they are not given; help names the variables. */
export function readEnvironment(): Environment {
  return process.env;
}
