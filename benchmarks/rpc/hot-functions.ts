import { readFileSync } from "node:fs";
import { repository } from "@realchat/presence-testing";

/** What is used here of a `.cpuprofile`: https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  /** Microseconds between samples. */
  readonly timeDeltas: readonly number[];
}

/** The functions in which a profiled process spent its time, without what they called, a line each; idle time is not of it. */
export function hotFunctions(file: string, most = 30): string {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, "utf8")) as Profile;
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const selfUs = new Map<string, number>();
  let allUs = 0;
  for (const [index, id] of samples.entries()) {
    const name = names.get(id) as string;
    const us = timeDeltas[index] as number;
    // Without calls, and while the profiler itself begins.
    if (name === "(idle)" || name.includes("node:inspector")) continue;
    selfUs.set(name, (selfUs.get(name) ?? 0) + us);
    allUs += us;
  }
  const hottest = [...selfUs].sort(([, one], [, other]) => other - one).slice(0, most);
  return hottest.map(([name, us]) => `${((us / allUs) * 100).toFixed(1).padStart(5)} %  ${name}`).join("\n");
}

function nameOf({ functionName, url, lineNumber }: Profile["nodes"][number]["callFrame"]): string {
  const file = url.replace(`file://${repository}/`, "");
  return `${functionName || "(anonymous)"}${file === "" ? "" : `  ${file}:${lineNumber + 1}`}`;
}
