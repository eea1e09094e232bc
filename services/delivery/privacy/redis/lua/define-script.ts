import { scriptsIn } from "@realchat/presence-redis";

/** Takes a script of this folder. */
export const defineScript = scriptsIn(new URL("./", import.meta.url));
