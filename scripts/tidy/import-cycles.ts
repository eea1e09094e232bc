import { ImportGraph } from "./import-graph.ts";
import type { Problem, Tree } from "./problem.ts";

/** Finds files that import each other, by types or values, over however many steps: the shortest way round of each. */
export function checkImportCycles(tree: Tree): Problem[] {
  const edges = new ImportGraph(tree).edges();
  const problems: Problem[] = [];
  const reported = new Set<string>();
  for (const [file, imports] of edges) {
    for (const first of imports) {
      const way = first.file === file ? [file] : shortestWay(first.file, file, edges);
      if (way === undefined || way.some((step) => reported.has(step))) continue;
      for (const step of way) reported.add(step);
      problems.push({
        file,
        line: first.line,
        what: `is in a cycle of imports: ${[file, ...way].join(" → ")}`,
        why: "neither file can be read, tested or moved without the other.",
        instead: "Extract what both need, often a type, into a file of its own that knows neither.",
      });
      break;
    }
  }
  return problems;
}

/** @returns the files from `from` to `to`, both included; undefined: there is no way */
function shortestWay(
  from: string,
  to: string,
  edges: ReadonlyMap<string, readonly { file: string }[]>,
): string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[from, undefined]]);
  for (const file of cameFrom.keys()) {
    if (file === to) return stepsTo(to, cameFrom);
    for (const next of edges.get(file) ?? []) if (!cameFrom.has(next.file)) cameFrom.set(next.file, file);
  }
  return undefined;
}

function stepsTo(end: string, cameFrom: ReadonlyMap<string, string | undefined>): string[] {
  const steps: string[] = [];
  for (let at: string | undefined = end; at !== undefined; at = cameFrom.get(at)) steps.unshift(at);
  return steps;
}
