/** A measurement, beside the baseline of the same run. */
export interface Figure {
  /** Such as `Redis CPU a heartbeat, 64 in flight`. */
  readonly name: string;
  /** Such as `µs`. */
  readonly unit: string;
  /** One per round. */
  readonly samples: readonly number[];
  readonly baseline?: Baseline;
  readonly target?: Target | undefined;
}

interface Baseline {
  readonly name: string;
  /** One per round, of the same rounds. */
  readonly samples: readonly number[];
}

/** What a figure should be; all that is given must hold. */
export interface Target {
  readonly atMost?: number;
  readonly atLeast?: number;
  /** Of the baseline. */
  readonly ratioAtMost?: number;
}

interface Summary {
  readonly spread: Spread;
  readonly baseline: Spread | undefined;
  /** Median over the rounds: what disturbs a round disturbs both sides of it. */
  readonly ratio: number | undefined;
  /** Of the medians; undefined without target. */
  readonly isMet: boolean | undefined;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function summaryOf({ samples, baseline, target }: Figure): Summary {
  const spread = spreadOf(samples);
  const ratios = baseline?.samples.slice(0, samples.length).map((other, round) => (samples[round] as number) / other);
  const ratio = ratios === undefined ? undefined : spreadOf(ratios).median;
  return {
    spread,
    baseline: baseline && spreadOf(baseline.samples),
    ratio,
    isMet: target && meets(target, spread.median, ratio),
  };
}

function meets({ atMost, atLeast, ratioAtMost }: Target, value: number, ratio: number | undefined): boolean {
  if (atMost !== undefined && value > atMost) return false;
  if (atLeast !== undefined && value < atLeast) return false;
  return ratioAtMost === undefined || (ratio !== undefined && ratio <= ratioAtMost);
}

export function spreadOf(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] as number) + (sorted[Math.ceil(middle)] as number)) / 2;
  return { median, min: sorted[0] as number, max: sorted.at(-1) as number };
}

/** @param share 0.99 for p99 */
export function percentile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
}
