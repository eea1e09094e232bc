import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { CpuProfiler } from "../cpu-profiler.ts";
import { PresenceAnswers } from "./answers.ts";

/** The first line that a server writes to its stdout. */
export interface Listening {
  readonly port: number;
}

/** Its answer to each line of its stdin. */
export interface Usage {
  /** Of user and system, since its start. */
  readonly cpuUs: number;
  readonly messagesSent: number;
  readonly residentBytes: number;
}

interface Tls {
  /** PEM texts. */
  readonly certificate: string;
  readonly key: string;
}

/**
 * Makes this process a server of the comparison, until its stdin ends.
 * @param listen begins to listen on a port of 127.0.0.1 and resolves to it
 */
export async function serve(listen: (answers: PresenceAnswers, tls: Tls | undefined) => Promise<number>) {
  const { values } = parseArgs({
    options: {
      tls: { type: "string" },
      messages: { type: "string", default: "1" },
      paced: { type: "boolean", default: false },
      profile: { type: "string" },
    },
  });
  const answers = new PresenceAnswers({ messagesPerStream: Number(values.messages), isPaced: values.paced });
  const say = (news: Listening | Usage) => process.stdout.write(`${JSON.stringify(news)}\n`);
  say({ port: await listen(answers, values.tls === undefined ? undefined : readPair(values.tls)) });
  const lines = createInterface({ input: process.stdin });
  const profiler = values.profile === undefined ? undefined : new CpuProfiler(values.profile);
  lines.on("line", () => {
    // Calls are in flight now, and the start is over.
    profiler?.start();
    const { user, system } = process.cpuUsage();
    const residentBytes = process.memoryUsage.rss();
    say({ cpuUs: user + system, messagesSent: answers.messagesSent, residentBytes });
  });
  lines.on("close", () => {
    profiler?.write();
    process.exit();
  });
}

function readPair(folder: string): Tls {
  const read = (name: string) => readFileSync(`${folder}/${name}`, "utf8");
  return { certificate: read("certificate.pem"), key: read("key.pem") };
}
