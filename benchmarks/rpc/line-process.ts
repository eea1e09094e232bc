import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { onExit } from "@realchat/presence-testing";

/** A program that answers each line of its stdin by a line of JSON on its stdout, and ends when its stdin does. */
export class LineProcess {
  readonly #child: ChildProcess;
  /** Who waits for a line, in order; lines come only when they are asked for. */
  readonly #waiting: PromiseWithResolvers<string>[] = [];
  readonly #ended: Promise<void>;

  constructor(program: string, args: readonly string[]) {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    onExit(() => child.kill("SIGKILL"));
    createInterface({ input: child.stdout }).on("line", (line) => this.#waiting.shift()?.resolve(line));
    this.#ended = new Promise((resolve) => {
      const end = (why: string) => {
        for (const { reject } of this.#waiting.splice(0)) reject(new Error(`${program} ${args.join(" ")}: ${why}`));
        resolve();
      };
      child.on("error", (error) => end(error.message));
      child.on("close", (code, signal) => end(`ended with ${signal ?? `code ${code}`}`));
    });
    child.stdin.on("error", () => undefined);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** The next line, which the program writes without being asked. */
  async hear<News>(): Promise<News> {
    const line = Promise.withResolvers<string>();
    this.#waiting.push(line);
    return JSON.parse(await line.promise) as News;
  }

  /** @throws Error when the program ends instead of answering */
  ask<Answer>(order: unknown): Promise<Answer> {
    const answer = this.hear<Answer>();
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
    return answer;
  }

  async end(): Promise<void> {
    this.#child.stdin?.end();
    await this.#ended;
  }
}
