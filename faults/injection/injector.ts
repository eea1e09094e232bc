import { pause, systemClock } from "@realchat/presence-runtime/clock";
import type { InjectedFault } from "../history/injected-fault.ts";
import type { Victims } from "./fault-kind.ts";
import type { PlannedFault } from "./plan.ts";

/**
 * Carries out a plan. A fault whose target is harmed already in the same way waits until that is over, since the end of
 * one would end the other.
 */
export class Injector {
  /** In the order in which they began. */
  readonly faults: InjectedFault[] = [];
  readonly #victims: Victims;
  readonly #say: (line: string, atMs: number) => void;
  /** What is being harmed now: one fault at a time of a part of the system. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #broken = new AbortController();
  #failure: unknown;

  /** @param say told of each fault, and when it began, monotonic ms */
  constructor(victims: Victims, say: (line: string, atMs: number) => void) {
    this.#victims = victims;
    this.#say = say;
  }

  /**
   * Resolves when all of it is done and healed, or a harm could not be done or healed: then no further one begins.
   * @param stopped when it aborts, no further fault begins
   */
  async run(plan: readonly PlannedFault[], stopped: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([stopped, this.#broken.signal]);
    const beganMs = systemClock.monotonicMs();
    const running: Promise<void>[] = [];
    for (const planned of plan) {
      await pause(systemClock, Math.max(0, beganMs + planned.atMs - systemClock.monotonicMs()), stop);
      if (stop.aborted) break;
      const part = partOf(planned.kind.name);
      await this.#busy.get(part);
      if (stop.aborted) break;
      const injecting = this.#inject(planned, stop).catch((error) => this.#giveUp(error));
      this.#busy.set(part, injecting);
      running.push(injecting);
    }
    await Promise.all(running);
  }

  /** Why the plan was not carried out to its end; undefined: it was. */
  get failure(): unknown {
    return this.#failure;
  }

  #giveUp(error: unknown): void {
    this.#failure ??= error;
    this.#broken.abort();
  }

  async #inject({ kind, lastsMs, random }: PlannedFault, stop: AbortSignal): Promise<void> {
    const beganMs = systemClock.monotonicMs();
    const harm = await kind.begin(this.#victims, random);
    const { target, allowance } = harm;
    const fault: InjectedFault = {
      ...{ kind: kind.name, target, beganMs, allowance },
      healedMs: Number.POSITIVE_INFINITY,
    };
    this.faults.push(fault);
    this.#say(`${kind.name} of ${target} for ${Math.round(lastsMs)} ms`, beganMs);
    await pause(systemClock, lastsMs, stop);
    try {
      await harm.heal();
    } finally {
      fault.healedMs = systemClock.monotonicMs();
    }
  }
}

/**
 * `node-redis.cut` and `all-redis.stall` harm the same links. Servers of a group are harmed one at a time, and are not
 * emptied meanwhile.
 */
function partOf(name: string): string {
  const [part] = name.split(".") as [string];
  if (part === "group") return "redis";
  if (part.startsWith("gateway-")) return "gateway links";
  if (part.startsWith("delivery-")) return "delivery links";
  return part.endsWith("-redis") ? "links to redis" : part;
}
