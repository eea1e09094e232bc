import { createRequire } from "node:module";

// By its name, since this file is elsewhere once it is published.
const { name, version } = createRequire(import.meta.url)("@realchat/presence-cli/package.json");

/** What `presence --version` prints, such as `@realchat/presence-cli 0.1.0`. */
export const nameAndVersion = `${name} ${version}`;
