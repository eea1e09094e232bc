import type { RedisLink } from "@realchat/presence-redis";
import type { Tick } from "../../store.ts";
import type { ShardKeys } from "../keys.ts";
import { ReckonedClock } from "./reckoned-clock.ts";

/** A shard as this node knows it. */
export class ShardState {
  readonly number: number;
  readonly keys: ShardKeys;
  /** To the server that has it. */
  readonly link: RedisLink;
  readonly clock: ReckonedClock;
  #lastVersion = 0;
  #recoveringMs = 0;

  /** @param clockCapMs see tickCapMs */
  constructor(number: number, keys: ShardKeys, link: RedisLink, clockCapMs: number) {
    this.number = number;
    this.keys = keys;
    this.link = link;
    this.clock = new ReckonedClock(clockCapMs);
  }

  /** The highest version that this node has seen, 0 if none. */
  get lastVersion(): number {
    return this.#lastVersion;
  }

  /** Whether it began anew less than a TTL of its clock ago, by the last tick. */
  get isRecovering(): boolean {
    return this.#recoveringMs > 0;
  }

  ticked({ lastVersion, recoveringMs }: Tick): void {
    this.saw(lastVersion);
    this.#recoveringMs = recoveringMs;
  }

  saw(version: number): void {
    if (version > this.#lastVersion) this.#lastVersion = version;
  }
}
