import { readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { repository, runCommand, temporaryFolder } from "@realchat/presence-testing";
import { generatedCode } from "../generated-code.ts";
import { failed, type Outcome } from "./outcome.ts";

/** What is checked without running the product. */
type Check = { name: string; run(): Promise<Outcome> };

export const checks: readonly Check[] = [
  { name: "types", run: () => program("tsc", ["--noEmit"]) },
  { name: "types, browser", run: () => program("tsc", ["--noEmit", "--project", "tsconfig.browser.json"]) },
  {
    name: "types, published",
    run: () => program("tsc", ["--noEmit", "--project", "packages/publish/tsconfig.node.json"]),
  },
  { name: "style", run: () => program("biome", ["check", "--error-on-warnings"]) },
  { name: "tidy", run: () => program("node", ["scripts/tidy.ts"]) },
  { name: "generated code", run: generatedAsCommitted },
];

async function generatedAsCommitted(): Promise<Outcome> {
  const folder = temporaryFolder("generated");
  const generation = await program("node", ["scripts/generate.ts", folder.path]);
  if (generation.failures.length > 0) return generation;
  const different = generatedCode.flatMap(({ output }) => {
    const generated = join(output, "generated");
    const names = differences(join(repository, generated), join(folder.path, generated));
    return names.map((name) => join(generated, name));
  });
  folder.remove();
  if (different.length === 0) return { passed: 1, failures: [] };
  return failed("differs from the proto files", `${different.join("\n")}\nRun \`npm run generate\`.`);
}

/** Names of the files that are not the same in both folders, or only in one. */
function differences(left: string, right: string): string[] {
  const names = new Set([...filesIn(left), ...filesIn(right)]);
  return [...names].filter((name) => contentOf(join(left, name)) !== contentOf(join(right, name))).sort();
}

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return undefined;
  }
}

/** Runs a program of the project's own; it fails with all that it said. */
async function program(name: string, args: readonly string[]): Promise<Outcome> {
  const env = { PATH: [join(repository, "node_modules/.bin"), process.env.PATH].join(delimiter) };
  const { ok, output } = await runCommand(name, args, { cwd: repository, env });
  if (ok) return { passed: 1, failures: [] };
  return failed([name, ...args].join(" "), output.trim());
}
