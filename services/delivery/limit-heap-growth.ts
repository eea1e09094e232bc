import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Limits the growth of the heap between two full collections to the size of the live data. By default V8 lets the heap grow to
 * a multiple of it while many sockets open at once, and never returns that memory: 8,000 sockets opened at once
 * took 14 KB of resident memory each for good; with this, 6 KB half a minute later. Most live objects are old: sockets.
 * Less growth saves no memory then, and takes more collections: docs/adr/0034-what-a-socket-keeps.md.
 */
export function limitHeapGrowth(): void {
  setFlagsFromString("--heap-growing-percent=100");
  // The flag applies from the next full collection: this one, which also removes the garbage of the start.
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}
