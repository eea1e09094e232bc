import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onExit } from "./child.ts";

/** A new empty folder that goes when `remove` is called, at the latest when this process exits. */
export function temporaryFolder(name: string): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `realchat-${name}-`));
  // Retried: a process that was just ended, or its child, may still write, and the folder is not empty then.
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  onExit(remove);
  return { path, remove };
}
