/** Labels by metric, from a process's /metrics; a metric without a sample has none. */
export interface Exposition {
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
  /** Names of metrics that are histograms. */
  readonly histograms: ReadonlySet<string>;
  /** Metrics without a sample: what labels they have is not known. */
  readonly unseen: readonly string[];
}

/** Source: https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function readExposition(text: string): Exposition {
  const types = new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = "", type = ""]) => [name, type]));
  const labels = new Map([...types.keys()].map((name) => [name, new Set<string>()]));
  const seen = new Set<string>();
  for (const [, series = "", pairs = ""] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const metric = types.has(series) ? series : series.replace(/_(bucket|sum|count)$/, "");
    seen.add(metric);
    for (const [, label = ""] of pairs.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)) {
      if (label !== "le") labels.get(metric)?.add(label);
    }
  }
  return {
    labels,
    histograms: new Set([...types].filter(([, type]) => type === "histogram").map(([name]) => name)),
    unseen: [...types.keys()].filter((name) => !seen.has(name)),
  };
}
