import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onExit } from "./child.ts";

/** A new empty folder that goes when `remove` is called, at the latest when this process exits. */
export function temporaryFolder(name: string): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `realchat-${name}-`));
  const remove = () => rmSync(path, { recursive: true, force: true });
  onExit(remove);
  return { path, remove };
}
