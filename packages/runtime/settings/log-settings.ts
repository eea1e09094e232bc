import { oneOf } from "./kinds.ts";
import { live } from "./setting.ts";

/** The settings of a service's log, as createLog takes them. */
export const logSettings = {
  LOG_LEVEL: {
    kind: live(oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"])),
    default: "info",
    meaning: "least severe log lines to write",
  },
  LOG_FORMAT: {
    kind: oneOf(["auto", "json", "pretty"]),
    default: "auto",
    meaning: "auto is pretty on a terminal, else json",
  },
} as const;
