import { loadConfig as loadDelivery } from "../../services/delivery/config.ts";
import { deliverySettings } from "../../services/delivery/settings.ts";
import { loadConfig as loadPresence } from "../../services/presence/config.ts";
import { presenceSettings } from "../../services/presence/settings.ts";

/** What a service prints instead of starting. */
type Question = "--help" | "--version" | "--print-config";

/*
 * What `npm start` brings up, each in a process of its own. `main` is a path from the repository's root, `nodeFlags` are
 * those of `npm run start:NAME`; `ask` answers as the service would, and throws SettingsError where it would not start.
 */
export const presence = {
  name: "presence",
  main: "services/presence/main.ts",
  nodeFlags: [],
  settings: presenceSettings,
  ask: (question: Question, environment: NodeJS.ProcessEnv) => textOf(loadPresence([question], environment)),
} as const;

export const delivery = {
  name: "delivery",
  main: "services/delivery/main.ts",
  nodeFlags: ["--max-semi-space-size=16"],
  settings: deliverySettings,
  ask: (question: Question, environment: NodeJS.ProcessEnv) => textOf(loadDelivery([question], environment)),
} as const;

export const services = [presence, delivery] as const;

function textOf(start: { readonly kind: string; readonly text?: string }): string {
  return start.text ?? "";
}
