import { globSync, readFileSync } from "node:fs";
import { outliveBrokenOutput } from "@realchat/presence-runtime";
import { repository } from "@realchat/presence-testing";
import { findProblems } from "./tidy/find-problems.ts";
import { formatProblem, type Tree } from "./tidy/problem.ts";

/** Checks what neither the compiler nor Biome knows: the habits of this repository. Exit code 1 when something is off. */

const ignored = ["**/node_modules", "**/.git", "**/.cache", "**/generated"];

function readRepository(): Tree {
  const files = globSync("**", { cwd: repository, exclude: ignored, withFileTypes: true }).filter((e) => e.isFile());
  const paths = files.map((entry) => `${entry.parentPath}/${entry.name}`);
  return new Map(paths.map((path) => [path.slice(repository.length + 1), readFileSync(path, "utf8")]));
}

outliveBrokenOutput(process.stdout, process.stderr);
const problems = findProblems(readRepository());
for (const problem of problems) process.stdout.write(`${formatProblem(problem)}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;
