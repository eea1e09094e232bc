import { LabelSets, type Labels, widen } from "./label-sets.ts";
import type { Definition, Sample, Scraped } from "./scraped.ts";

/** A counter whose increment is one addition to a typed array; Prometheus' text is made when it is scraped. */
export class HotCounter<Name extends string = never> implements Scraped {
  readonly type = "counter";
  readonly name: string;
  readonly help: string;
  readonly #labelSets: LabelSets<Name>;
  #counts = new Float64Array(1);

  constructor({ name, help, labels = [] }: Definition<Name>) {
    this.name = name;
    this.help = help;
    this.#labelSets = new LabelSets(labels);
  }

  /** Look it up once and keep it; from then on the counter shows, at 0. */
  slot(labels: Labels<Name>): number {
    const slot = this.#labelSets.slot(labels);
    this.#counts = widen(this.#counts, slot + 1);
    return slot;
  }

  add(slot: number, by = 1): void {
    this.#counts[slot] = (this.#counts[slot] ?? 0) + by;
  }

  samples(): Sample[] {
    return this.#labelSets.sets.map((labels, slot) => ({ labels, value: this.#counts[slot] ?? 0 }));
  }
}
