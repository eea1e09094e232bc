import { spawn } from "node:child_process";
import { once } from "node:events";
import { json } from "node:stream/consumers";
import type { Benchmark } from "./benchmark.ts";

/** What memory-store.ts prints of one contender. */
interface Figures {
  readonly heartbeatsPerSecond: number;
  readonly rssBytesPerSession: number;
}

/** Each contender has a process of its own: resident memory is a process's. */
export const memoryStore: Benchmark = {
  name: "memory-store",
  about: "heartbeats a second and resident memory of the memory store",
  limitSeconds: 300,
  async run(bench) {
    const sessions = bench.quick ? 100_000 : 1_000_000;
    const rounds = bench.quick ? 1 : 3;
    const ours: Figures[] = [];
    const theirs: Figures[] = [];
    for (let round = 1; round <= rounds; round++) {
      ours.push(await measure("typed columns", sessions));
      theirs.push(await measure("map of objects", sessions));
      bench.progress(`round ${round} of ${rounds}`);
    }
    bench.report({
      name: `heartbeats on one core, ${sessions.toLocaleString("en")} sessions`,
      unit: "/s",
      samples: ours.map(({ heartbeatsPerSecond }) => heartbeatsPerSecond),
      baseline: { name: "Map of objects", samples: theirs.map(({ heartbeatsPerSecond }) => heartbeatsPerSecond) },
      target: { atLeast: 500_000 },
    });
    bench.report({
      name: `RSS a session, ${sessions.toLocaleString("en")} sessions`,
      unit: "B",
      samples: ours.map(({ rssBytesPerSession }) => rssBytesPerSession),
      baseline: { name: "Map of objects", samples: theirs.map(({ rssBytesPerSession }) => rssBytesPerSession) },
      target: { atMost: 350 },
    });
  },
};

async function measure(contender: string, sessions: number): Promise<Figures> {
  const script = new URL("./memory-store.ts", import.meta.url).pathname;
  const args = ["--expose-gc", script, "--contender", contender, "--sessions", String(sessions)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const figures = await json(child.stdout);
  const [code] = await ended;
  if (code !== 0) throw new Error(`${contender} ended with ${code}`);
  return figures as Figures;
}
