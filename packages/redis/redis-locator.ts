import type { RedisAddress } from "./redis-address.ts";

/** Says where to connect: asked before every attempt, so that it may be somewhere else each time. */
export interface RedisLocator {
  /** For messages and logs. */
  readonly shown: string;
  /** Silence after which Sentinels take the server for dead, ms; undefined: none watch it, or not known yet. */
  readonly downAfterMs: number | undefined;
  /** @throws Error saying why it is not known now; RedisError REFUSED when it never will be */
  locate(): Promise<RedisAddress>;
  /** Says where the server to use is now, if no more at an address that was located; undefined: it is there. */
  moved(address: RedisAddress): string | undefined;
  close(): void;
}

/** A server at a fixed address, whose name is resolved for each connection. */
export function locatorAt(address: RedisAddress): RedisLocator {
  return {
    shown: address.shown,
    downAfterMs: undefined,
    locate: async () => address,
    moved: () => undefined,
    close() {},
  };
}
