import type { Link } from "../network/link.ts";

export const redisKinds = ["single", "sentinel", "cluster"] as const;
export type RedisKind = (typeof redisKinds)[number];

/** Where the store lives. */
export interface RedisPlace {
  readonly kind: RedisKind;
  /** Where a node's link leads to. Only a single Redis is reached by it: the others tell their own addresses. */
  readonly target: Link["target"];
  /** Of the processes that hold data now. */
  readonly pids: readonly number[];
  /** What a node must be told. */
  settings(link: Link): Record<string, string>;
  /** Empties every server. */
  flush(): Promise<void>;
  /** Of every server; 0: no limit, else one that is passed already takes nothing new. */
  limitMemory(bytes: number): Promise<void>;
  stop(): Promise<void>;
}
