import { collectDefaultMetrics, type Metric, Registry } from "prom-client";
import type { Build } from "../build.ts";
import { HotCounter } from "./hot-counter.ts";
import { HotHistogram } from "./hot-histogram.ts";
import type { Definition, Sample, Scraped } from "./scraped.ts";

/** What is read at scrape: one value, or one per label set. */
export type ReadSamples = () => number | Iterable<Sample>;

/**
 * The metrics of a process. Metrics of hot paths live in typed arrays (prom-client's own `observe` costs 0.2 µs), all
 * others are read by callbacks; both are handed to prom-client when Prometheus scrapes.
 */
export class Metrics {
  readonly #registry = new Registry();

  counter<const Name extends string = never>(definition: Definition<Name>): HotCounter<Name> {
    return this.#register(new HotCounter(definition));
  }

  /** @param definition `buckets`: upper bounds, ascending, inclusive */
  histogram<const Name extends string = never>(
    definition: Definition<Name> & { readonly buckets: readonly number[] },
  ): HotHistogram<Name> {
    return this.#register(new HotHistogram(definition));
  }

  /** A value that goes up and down, read at scrape. */
  gauge(definition: Omit<Definition, "labels">, read: ReadSamples): void {
    this.#register({ ...definition, type: "gauge", samples: () => toSamples(read()) });
  }

  /** A value that only grows and is counted elsewhere, read at scrape. */
  total(definition: Omit<Definition, "labels">, read: ReadSamples): void {
    this.#register({ ...definition, type: "counter", samples: () => toSamples(read()) });
  }

  /** CPU, memory, event loop lag, garbage collection, handles of this process. */
  observeProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** `PROGRAM_build_info`: 1, with the release in its labels. */
  observeBuild(program: string, build: Build): void {
    this.gauge({ name: `${program}_build_info`, help: "1; the labels say which release this is." }, () => [
      { labels: { ...build }, value: 1 },
    ]);
  }

  /** The exposition format's text. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  #register<Kind extends Scraped>(metric: Kind): Kind {
    const bridge = {
      name: metric.name,
      help: metric.help,
      type: metric.type,
      get: async () => ({ ...bridge, aggregator: "sum", values: [...metric.samples()] }),
    };
    // Its type lists prom-client's own classes; of them, the registry uses no more than this.
    this.#registry.registerMetric(bridge as unknown as Metric);
    return metric;
  }
}

function toSamples(read: number | Iterable<Sample>): Iterable<Sample> {
  return typeof read === "number" ? [{ labels: {}, value: read }] : read;
}
