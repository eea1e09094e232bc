import { checkBannedCode } from "./banned-code.ts";
import { checkDeclaredDependencies } from "./declared-dependencies.ts";
import { checkDocumentLinks } from "./document-links.ts";
import { checkDocumentPaths } from "./document-paths.ts";
import { checkFileNames } from "./file-names.ts";
import { checkImportCycles } from "./import-cycles.ts";
import { checkImportDirections } from "./import-directions.ts";
import { checkLockFile } from "./lock-file.ts";
import type { Problem, Tree } from "./problem.ts";
import { checkUnusedExports } from "./unused-exports.ts";

const checks = [
  checkImportDirections,
  checkImportCycles,
  checkDeclaredDependencies,
  checkUnusedExports,
  checkBannedCode,
  checkFileNames,
  checkLockFile,
  checkDocumentLinks,
  checkDocumentPaths,
];

/** All that is untidy in a repository, by file and line. What the compiler and Biome see, they say. */
export function findProblems(tree: Tree): Problem[] {
  return checks
    .flatMap((check) => check(tree))
    .sort((left, right) => left.file.localeCompare(right.file) || left.line - right.line);
}
