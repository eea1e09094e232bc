import { setFlagsFromString } from "node:v8";

/**
 * Lets the collections that V8 makes when a busy process comes to rest be like all others. By default they move what is alive
 * together, to give back more memory: for a gateway whose sockets have just opened that costs several times as much, twice, and
 * gives back little: docs/adr/0034-what-a-socket-keeps.md.
 */
export function collectAtRest(): void {
  setFlagsFromString("--no-memory-reducer-favors-memory");
}
