import type { Gateway } from "../gateways/gateway.ts";
import type { Allowance } from "../history/injected-fault.ts";
import type { Random } from "../random/random.ts";
import type { RedisKind } from "../system/redis-place.ts";
import type { System } from "../system/system.ts";

/** What can be harmed. */
export interface Victims {
  readonly system: System;
  readonly gateways: readonly Gateway[];
}

/** A harm that was done, and how it ends. */
export interface Harm {
  /** Such as `node 1`. */
  readonly target: string;
  readonly allowance: Allowance;
  heal(): void | Promise<void>;
}

/** A way in which the system is harmed, for a bounded time. */
export interface FaultKind {
  /** Such as `node.freeze`. */
  readonly name: string;
  /** Kinds of Redis that it can harm; default: all. */
  readonly of?: readonly RedisKind[];
  /** Whether it needs wall clocks that can be stepped. */
  readonly stepsClocks?: boolean;
  /** How long it lasts, ms. */
  readonly lastsMs: readonly [least: number, most: number];
  /** How often it is chosen, compared with the others. */
  readonly weight: number;
  /** @param random decides about what is harmed, and how much */
  begin(victims: Victims, random: Random): Harm | Promise<Harm>;
}
