import { ImportGraph } from "./import-graph.ts";
import type { Problem, Tree } from "./problem.ts";
import { exportsOf, isSource, namesImportedBy } from "./source.ts";

/** Finds exported names that no other file imports. What a published package exports is for its users. */
export function checkUnusedExports(tree: Tree): Problem[] {
  const graph = new ImportGraph(tree);
  const used = new Set<string>();
  const pass = (file: string, name: string) => used.add(`${file} ${name}`);
  for (const [file, source] of tree) {
    if (!isSource(file)) continue;
    for (const { target, names } of namesImportedBy(source)) {
      const imported = graph.resolve(file, target);
      if (imported === undefined) continue;
      for (const name of names === "all" ? exportsOf(tree.get(imported) as string) : names) {
        pass(imported, typeof name === "string" ? name : name.name);
      }
    }
  }
  const problems: Problem[] = [];
  for (const [file, source] of tree) {
    if (!isSource(file) || graph.frontDoors.has(file)) continue;
    for (const { name, line } of exportsOf(source)) {
      if (used.has(`${file} ${name}`)) continue;
      problems.push({
        file,
        line,
        what: `exports ${name}, which nothing imports`,
        why: "a reader has to look for its users, and it cannot be changed without looking.",
        instead: "Take `export` away, or the code with it.",
      });
    }
  }
  return problems;
}
