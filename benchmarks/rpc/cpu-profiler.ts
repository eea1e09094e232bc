import { mkdirSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import { dirname } from "node:path";

/** A V8 CPU profile of this process without its start: unlike `node --cpu-prof`, it begins on request. */
export class CpuProfiler {
  readonly #file: string;
  #session: Session | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Nothing, when it has begun already. */
  start(): void {
    if (this.#session !== undefined) return;
    this.#session = new Session();
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.setSamplingInterval", { interval: 200 });
    this.#session.post("Profiler.start");
  }

  /** To the file, which Chrome's DevTools and editors open. */
  write(): void {
    mkdirSync(dirname(this.#file), { recursive: true });
    // A session with its own process answers before `post` returns.
    this.#session?.post("Profiler.stop", (error, answer) => {
      if (error === null) writeFileSync(this.#file, JSON.stringify(answer.profile));
    });
  }
}
