import { onPath, runCommand } from "./command.ts";
import type { Progress } from "./progress.ts";

/** True when a Docker engine answers and has the image, now or after a download. */
export async function dockerHas(image: string, say: Progress): Promise<boolean> {
  if (onPath("docker") === undefined) return false;
  if (!(await runCommand("docker", ["version"], { timeoutMs: 60_000 })).ok) return false;
  if ((await runCommand("docker", ["image", "inspect", image])).ok) return true;
  say(`docker pull ${image}`);
  return (await runCommand("docker", ["pull", "--quiet", image])).ok;
}
