import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const repository = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/** Holds what was downloaded, for the next run; may be deleted at any time. */
export const cache = `${repository}/.cache`;

/**
 * A folder that exists with all its content or not at all, even if another process fills it at the same time.
 * @param fill puts the content into the folder it is given; false when it cannot
 * @returns true when the folder is there
 */
export async function filledFolder(path: string, fill: (partial: string) => Promise<boolean>): Promise<boolean> {
  if (existsSync(path)) return true;
  const partial = `${path}.partial-${process.pid}`;
  mkdirSync(partial, { recursive: true });
  try {
    if (!(await fill(partial))) return false;
    if (!existsSync(path)) renameSync(partial, path);
    return true;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}
