import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

type Ending = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** A service as a child process: its lines come out through ours. */
export class ServiceProcess {
  readonly name: string;
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  #isOver = false;

  /**
   * @param service.main path of its main.ts, from the repository's root
   * @param write hears every line it writes, without the line's end
   */
  constructor(
    { name, main, nodeFlags }: { name: string; main: string; nodeFlags: readonly string[] },
    environment: NodeJS.ProcessEnv,
    write: (line: string, stream: "stdout" | "stderr") => void,
  ) {
    this.name = name;
    const root = join(import.meta.dirname, "../..");
    // Detached: Ctrl-C on a terminal reaches us alone, and we stop the services in order.
    this.#child = spawn(process.execPath, [...nodeFlags, join(root, main)], {
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    for (const stream of ["stdout", "stderr"] as const) {
      const input = this.#child[stream];
      if (input)
        createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => write(line, stream));
    }
    this.ended = new Promise((resolve) => {
      // Not exit: what it wrote last is still on its way then.
      this.#child.once("close", (code, signal) => {
        this.#isOver = true;
        resolve({ code, signal });
      });
      this.#child.once("error", () => resolve({ code: 1, signal: null }));
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.#isOver) this.#child.kill(signal);
  }
}

export function inWords({ code, signal }: Ending): string {
  return signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
}
