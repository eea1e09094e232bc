import { LabelSets, type Labels, widen } from "./label-sets.ts";
import type { Definition, Sample, Scraped } from "./scraped.ts";

/** A histogram whose observation is two additions to typed arrays; made into Prometheus' text when scraped. */
export class HotHistogram<Name extends string = never> implements Scraped {
  readonly type = "histogram";
  readonly name: string;
  readonly help: string;
  readonly #labelSets: LabelSets<Name>;
  readonly #bounds: Float64Array;
  /** Slot by slot: observations in each bucket, then those above all bounds. */
  #counts: Float64Array<ArrayBuffer>;
  #sums = new Float64Array(1);

  /** @param definition `buckets`: upper bounds, ascending, inclusive */
  constructor({ name, help, labels = [], buckets }: Definition<Name> & { readonly buckets: readonly number[] }) {
    this.name = name;
    this.help = help;
    this.#labelSets = new LabelSets(labels);
    this.#bounds = Float64Array.from(buckets);
    this.#counts = new Float64Array(this.#width);
  }

  /** Look it up once and keep it; from then on the histogram shows, empty. */
  slot(labels: Labels<Name>): number {
    const slot = this.#labelSets.slot(labels);
    this.#counts = widen(this.#counts, (slot + 1) * this.#width);
    this.#sums = widen(this.#sums, slot + 1);
    return slot;
  }

  observe(slot: number, value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? 0)) bucket++;
    const index = slot * (bounds.length + 1) + bucket;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sums[slot] = (this.#sums[slot] ?? 0) + value;
  }

  samples(): Sample[] {
    return this.#labelSets.sets.flatMap((labels, slot) => this.#samplesOf(slot, labels));
  }

  /** Prometheus counts cumulatively: each bucket includes those below it. */
  #samplesOf(slot: number, labels: Labels): Sample[] {
    let total = 0;
    const buckets = [...this.#bounds, "+Inf"].map((bound, bucket) => {
      total += this.#counts[slot * this.#width + bucket] ?? 0;
      return { metricName: `${this.name}_bucket`, labels: { ...labels, le: String(bound) }, value: total };
    });
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: this.#sums[slot] ?? 0 },
      { metricName: `${this.name}_count`, labels, value: total },
    ];
  }

  get #width(): number {
    return this.#bounds.length + 1;
  }
}
