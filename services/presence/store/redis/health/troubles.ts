import { codeBehind, describe, replyBehind } from "@realchat/presence-redis";

import type { Clock } from "@realchat/presence-runtime";
import { shownShards } from "./shown-shards.ts";

/** How long a failure is told that need not come again while it lasts, ms. */
const recentMs = 5_000;
/** Different failures that are told at once. */
const toldMax = 3;

/** Error replies that mean: this server does not do it now for any caller. */
const refusals: ReadonlySet<string> = new Set([
  ...["READONLY", "MASTERDOWN", "LOADING", "BUSY", "MISCONF", "NOREPLICAS", "CLUSTERDOWN"],
  ...["NOAUTH", "NOPERM"],
]);

/**
 * What does not work although the connection does: shards whose ticks fail, and operations that the server refuses.
 * Ticks come all the time, so what they say holds until the next; the rest is told for five seconds.
 */
export class Troubles {
  readonly #shardCount: number;
  readonly #clock: Clock;
  readonly #shards = new Map<number, string>();
  /** By what failed. */
  readonly #recent = new Map<string, { message: string; atMs: number }>();

  constructor(shardCount: number, clock: Clock) {
    this.#shardCount = shardCount;
    this.#clock = clock;
  }

  /** Shards whose last tick failed. */
  get failingShards(): number {
    return this.#shards.size;
  }

  /** Says what does not work, in one line; undefined when all does. */
  get summary(): string | undefined {
    const shardsByMessage = Map.groupBy([...this.#shards.keys()].sort(ascending), (shard) => this.#shards.get(shard));
    const messages = [...shardsByMessage].map(([message, shards]) =>
      shards.length === this.#shardCount ? `${message}` : `${shownShards(shards)}: ${message}`,
    );
    const sinceMs = this.#clock.monotonicMs() - recentMs;
    for (const [what, { message, atMs }] of this.#recent) {
      if (atMs < sinceMs) this.#recent.delete(what);
      else if (!messages.some((told) => told.endsWith(message))) messages.push(`${what}: ${message}`);
    }
    if (messages.length === 0) return undefined;
    const more = messages.length > toldMax ? `; and ${messages.length - toldMax} more` : "";
    return messages.slice(0, toldMax).join("; ") + more;
  }

  tickWorked(shard: number): void {
    this.#shards.delete(shard);
  }

  /** Silence and a lost connection are the connection's to tell. */
  tickFailed(shard: number, error: unknown): void {
    const message = messageBehind(error);
    if (message !== undefined) this.#shards.set(shard, message);
  }

  worked(what: string): void {
    this.#recent.delete(what);
  }

  /** @param error counts if the server refuses it to anybody */
  refused(what: string, error: unknown): void {
    if (refusals.has(codeBehind(error))) this.failed(what, error);
  }

  /** @param error counts if it is a reply */
  failed(what: string, error: unknown): void {
    const message = messageBehind(error);
    if (message !== undefined) this.#recent.set(what, { message, atMs: this.#clock.monotonicMs() });
  }
}

/** Whether a script, or a key of another program, stopped one shard: not the server, nor the way to it. */
export function isOfOneShard(error: unknown): boolean {
  const code = codeBehind(error);
  return code !== "" && !refusals.has(code);
}

/** @returns undefined unless the server replied that */
function messageBehind(error: unknown): string | undefined {
  const reply = replyBehind(error);
  if (reply === "") return undefined;
  const foreign = /^FOREIGN (.*)/.exec(reply)?.[1];
  if (foreign !== undefined) return `${foreign}: somebody else wrote it: delete that key, presence makes it anew`;
  return describe(error instanceof Error && error.cause !== undefined ? error.cause : error);
}

function ascending(one: number, other: number): number {
  return one - other;
}
