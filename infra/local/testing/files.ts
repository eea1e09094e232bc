import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Of `infra/local`, and of the repository. */
export const folder = join(import.meta.dirname, "..");
export const root = join(folder, "../..");

/** @param path from `infra/local` */
export function read(path: string): string {
  return readFileSync(join(folder, path), "utf8");
}

export function operationsGuide(): string {
  return readFileSync(join(root, "docs/operations.md"), "utf8");
}

export function runbook(): string {
  return readFileSync(join(root, "docs/runbook.md"), "utf8");
}
