import { builtinModules } from "node:module";
import { type Workspace, workspacesOf } from "./import-graph.ts";
import { isForTests, type Problem, type Tree } from "./problem.ts";
import { importsOf, isSource } from "./source.ts";

/** Finds imports of packages that the importing workspace does not declare: they work only as long as others do. */
export function checkDeclaredDependencies(tree: Tree): Problem[] {
  const workspaces = workspacesOf(tree).sort((left, right) => right.folder.length - left.folder.length);
  const problems: Problem[] = [];
  const ours = workspaces.map(({ name }) => name);
  for (const [file, source] of tree) {
    const workspace = workspaces.find(({ folder }) => folder === "." || file.startsWith(`${folder}/`));
    if (workspace === undefined || !isSource(file)) continue;
    for (const { target, line } of importsOf(source)) {
      const name = packageOf(target);
      if (name === undefined || isDeclared(name, workspace, isForWorkHere(file))) continue;
      // The root has its workspaces: that is what makes them some.
      if (workspace.folder === "." && ours.includes(name)) continue;
      problems.push({
        file,
        line,
        what: `imports ${name}, which ${workspace.folder}/package.json does not declare`,
        why: "a package works elsewhere only with what it declares; here others happen to bring it.",
        instead: isForWorkHere(file)
          ? "Add it to devDependencies, with the exact version that the lock file has."
          : "Add it to dependencies, with the exact version that the lock file has.",
      });
    }
  }
  return problems;
}

/** Tests and builds: nobody runs them where a package is installed. */
function isForWorkHere(file: string): boolean {
  return isForTests(file) || file.includes("/publish/");
}

function isDeclared(name: string, workspace: Workspace, isForWork: boolean): boolean {
  const { dependencies, devDependencies } = workspace;
  // The root has only tools: it is never installed elsewhere.
  const withDev = isForWork || workspace.folder === ".";
  return name === workspace.name || dependencies.includes(name) || (withDev && devDependencies.includes(name));
}

/** @returns undefined for a file or what Node brings */
function packageOf(target: string): string | undefined {
  if (target.startsWith(".") || target.startsWith("/") || target.startsWith("node:")) return undefined;
  const name = target
    .split("/")
    .slice(0, target.startsWith("@") ? 2 : 1)
    .join("/");
  return builtinModules.includes(name) ? undefined : name;
}
