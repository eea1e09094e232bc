import type { Figure } from "./report/figure.ts";

/** One thing that is measured, in a process of its own. */
export interface Benchmark {
  readonly name: string;
  /** What it measures, in a sentence. */
  readonly about: string;
  /** After this long it is ended, whatever it still has to say, seconds. */
  readonly limitSeconds: number;
  run(bench: Bench): Promise<void>;
}

/** What a benchmark is given. */
export interface Bench {
  /** Whether to take less data and fewer rounds: to see that it runs, not to quote. */
  readonly quick: boolean;
  /** File that a V8 CPU profile of the process that is measured goes to; undefined: none is asked for. */
  readonly profile: string | undefined;
  /** Prints progress. */
  progress(text: string): void;
  report(figure: Figure): void;
}
