import type { Labels } from "./label-sets.ts";

export interface Definition<Name extends string = never> {
  /** As Prometheus wants it: with the program as prefix and the unit last, counters ending in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly Name[];
}

/** One line of a metric. `metricName`: where it differs from the metric's own name. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  readonly metricName?: string;
}

/** A metric whose samples are made when Prometheus asks for them. */
export interface Scraped {
  readonly type: "counter" | "gauge" | "histogram";
  readonly name: string;
  readonly help: string;
  samples(): Iterable<Sample>;
}
