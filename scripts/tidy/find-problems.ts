import { checkBannedCode } from "./banned-code.ts";
import { checkDocumentLinks } from "./document-links.ts";
import { checkFileNames } from "./file-names.ts";
import { checkImportDirections } from "./import-directions.ts";
import { checkLockFile } from "./lock-file.ts";
import type { Problem, Tree } from "./problem.ts";

const checks = [checkImportDirections, checkBannedCode, checkFileNames, checkLockFile, checkDocumentLinks];

/** All that is untidy in a repository, by file and line. What the compiler and Biome see, they say. */
export function findProblems(tree: Tree): Problem[] {
  return checks
    .flatMap((check) => check(tree))
    .sort((left, right) => left.file.localeCompare(right.file) || left.line - right.line);
}
