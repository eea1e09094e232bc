import type { Clock } from "@realchat/presence-runtime/clock";
import type { FakeClock } from "@realchat/presence-runtime/testing";
import type { PolicyQuestion } from "../test-policies.ts";

/** How long it takes to read policies, or to see where they end; and between two worlds at most to look up users, ms. */
const readMs = 5;
const lookUpMaxMs = 15;

/**
 * What gateways ask, and how long they wait for the answer. That depends on the question alone, so that two worlds differ by
 * nothing but what differs in them.
 */
export class Dawdling {
  readonly #clock: FakeClock;
  readonly #seed: number;
  /** How often each question was asked. */
  readonly #asked = new Map<string, number>();
  readonly isAway = { presence: false, directory: false, policies: false };

  constructor(clock: FakeClock) {
    this.#clock = clock;
    this.#seed = clock.random();
  }

  endOutages(): void {
    for (const part of ["presence", "directory", "policies"] as const) this.isAway[part] = false;
  }

  /** Answers after a while, with what was true at some moment in between. */
  ofDirectory<T>(question: string, answer: () => Promise<T>): Promise<T> {
    return this.#answer("directory", () => this.#delayMs(question), answer);
  }

  /** Likewise. @param isOneOfTwo whether another world is to wait as long */
  ofPresence<T>(userIds: readonly string[], isOneOfTwo: boolean, answer: () => Promise<T>): Promise<T> {
    const question = `where are ${userIds}`;
    return this.#answer("presence", () => (isOneOfTwo ? this.#lookUpMs(userIds) : this.#delayMs(question)), answer);
  }

  /** Reads take as long for one user as for many, and what is stored is stored at once: the other world waits for neither. */
  async ofPolicies<T>(question: PolicyQuestion, answer: () => T): Promise<T> {
    if (question === "read") await this.#wait(readMs);
    if (this.isAway.policies) throw new Error("policies are away");
    return answer();
  }

  async #answer<T>(who: "presence" | "directory", delayMs: () => number, answer: () => Promise<T>): Promise<T> {
    await this.#wait(delayMs());
    if (this.isAway[who]) throw new Error(`${who} is away`);
    const answered = await answer();
    await this.#wait(delayMs());
    return answered;
  }

  #wait(ms: number): Promise<void> {
    return ms === 0 ? Promise.resolve() : new Promise((resolve) => this.#clock.after(ms, resolve));
  }

  /** As long as for the user for whom it takes longest. */
  #lookUpMs(userIds: readonly string[]): number {
    return Math.max(...userIds.map((user) => Math.round(lookUpMaxMs * fractionOf(`${this.#seed} ${user}`))));
  }

  #delayMs(question: string): number {
    const times = (this.#asked.get(question) ?? 0) + 1;
    this.#asked.set(question, times);
    const fraction = fractionOf(`${this.#seed} ${question} ${times}`);
    return fraction < 0.3 ? 0 : Math.round(fraction * 40);
  }
}

/** The clock of a gateway. Pauses after failures are no question of chance, or one call more would change all others. */
export function withoutChance(clock: FakeClock): Clock {
  return {
    nowUs: () => clock.nowUs(),
    monotonicMs: () => clock.monotonicMs(),
    uptimeMs: () => clock.uptimeMs(),
    after: (delayMs, run) => clock.after(delayMs, run),
    every: (periodMs, run) => clock.every(periodMs, run),
    random: () => 0.5,
  };
}

/** @returns from 0 to 1: FNV-1a */
function fractionOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
