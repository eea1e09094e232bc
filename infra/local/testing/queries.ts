import { globSync } from "node:fs";
import { folder, read } from "./files.ts";
import { matches } from "./matches.ts";

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly {
    readonly expr: string;
    readonly legendFormat?: string;
    readonly datasource: { readonly uid: string };
  }[];
}

/** What is chosen above the panels. */
interface Variable {
  readonly name: string;
  readonly query: unknown;
  readonly current: { readonly value: unknown };
}

interface Dashboard {
  /** Without the rows, which are headings. */
  readonly panels: readonly Panel[];
  readonly variables: ReadonlyMap<string, Variable>;
}

/** By the file's name. */
export const dashboards: ReadonlyMap<string, Dashboard> = new Map(
  globSync("*.json", { cwd: `${folder}/grafana/dashboards` }).map((file) => {
    const { panels, templating } = JSON.parse(read(`grafana/dashboards/${file}`)) as {
      panels: Panel[];
      templating: { list: Variable[] };
    };
    return [
      file,
      {
        panels: panels.filter(({ type }) => type !== "row"),
        variables: new Map(templating.list.map((variable) => [variable.name, variable])),
      },
    ];
  }),
);

const rules = read("prometheus/alerts.yml");

export const alertNames = matches(rules, /^ +- alert: (\w+)$/gm);
/** Each rule as it is written, by the alert's name. */
export const alertRules: ReadonlyMap<string, string> = new Map(
  matches(rules, /^( {6}- alert: (?:.+\n|\n(?= {6} ))+)/gm).map((rule, index) => [alertNames[index] as string, rule]),
);
const alertQueries = matches(rules, /^ {8}expr: ((?:.|\n {10})+)$/gm);

interface Query {
  /** Where it is, for people. */
  readonly place: string;
  readonly promql: string;
  readonly legend: string;
}

/** All that is asked of Prometheus, on dashboards and by alerts. */
export const queries: readonly Query[] = [
  ...[...dashboards].flatMap(([file, { panels }]) =>
    panels.flatMap(({ title, targets }) =>
      targets.map(({ expr, legendFormat = "" }) => ({
        place: `${file}, ${title}`,
        promql: expr,
        legend: legendFormat,
      })),
    ),
  ),
  ...alertQueries.map((promql, index) => ({ place: `alert ${alertNames[index]}`, promql, legend: "" })),
];

/** Metrics of ours, and of the process, that a query names. */
export function metricsIn(promql: string): string[] {
  return matches(promql, /\b((?:presence|delivery|process|nodejs)_[a-z0-9_]+)/g);
}
