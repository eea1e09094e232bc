import { catalogue } from "./catalogue.ts";
import type { Figure } from "./report/figure.ts";

/** Messages from a benchmark's process to its parent. */
export type News = { readonly progress: string } | { readonly figure: Figure };

const [name, mode, profile] = process.argv.slice(2);
const benchmark = catalogue.find((candidate) => candidate.name === name);
if (benchmark === undefined) throw new Error(`there is no benchmark ${name}`);
const tell = (news: News) => process.send?.(news);
await benchmark.run({
  quick: mode === "quick",
  profile,
  progress: (progress) => tell({ progress }),
  report: (figure) => tell({ figure }),
});
process.disconnect();
