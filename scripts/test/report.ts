import type { Clock } from "@realchat/presence-runtime/clock";
import type { MissingServerError } from "@realchat/presence-testing";
import type { Failure, Outcome } from "./outcome.ts";

const slowestCount = 12;

/**
 * Counts, and says what happens: a line for what passed, everything about what failed, and at the end why, in short, and
 * what took the longest.
 */
export class Report {
  #passed = 0;
  readonly #failed: string[] = [];
  readonly #notRun: string[] = [];
  /** By the name of a check or suite: when it began, ms. */
  readonly #running = new Map<string, number>();
  readonly #ended: { name: string; seconds: number }[] = [];
  readonly #write: (line: string) => void;
  readonly #clock: Clock;
  readonly #beganMs: number;

  constructor(write: (line: string) => void, clock: Clock) {
    this.#write = write;
    this.#clock = clock;
    this.#beganMs = clock.monotonicMs();
  }

  get exitCode(): 0 | 1 {
    return this.#failed.length === 0 ? 0 : 1;
  }

  note(line: string): void {
    this.#write(`      ${line}`);
  }

  /** Runs a check or suite of this name, and adds what came of it. */
  async time(name: string, run: () => Promise<Outcome>): Promise<void> {
    const beganMs = this.#clock.monotonicMs();
    this.#running.set(name, beganMs);
    const outcome = await run();
    this.#running.delete(name);
    const seconds = this.#secondsSince(beganMs);
    this.#ended.push({ name, seconds });
    this.add(name, outcome, seconds);
  }

  /** @param name of the check or suite */
  add(name: string, { passed, failures, output = "", note }: Outcome, seconds = 0): void {
    this.#passed += passed;
    const verdict = failures.length === 0 ? "ok  " : "FAIL";
    this.#write(`${verdict}  ${String(passed).padStart(4)}  ${inSeconds(seconds)}  ${name}`);
    if (note !== undefined) this.note(note);
    for (const failure of failures) this.#tell(name, failure);
    if (failures.length > 0 && output.trim() !== "") this.#write(`\n${indent(`${name} wrote:\n${output.trim()}`)}\n`);
  }

  /** How far it is, and what runs: the last of these lines names what hangs. @param count of all checks and suites */
  progress(count: number): void {
    const running = [...this.#running].map(
      ([name, beganMs]) => `${name} ${inSeconds(this.#secondsSince(beganMs)).trim()}`,
    );
    this.note(`${this.#minutes()}: ${this.#ended.length} of ${count} are over, running: ${running.join(", ")}`);
  }

  /** Told again at the end: what did not run is not to look like what passed. */
  notRun(suite: string, { server }: MissingServerError): void {
    this.#notRun.push(`${suite}: there is no ${server} here`);
    this.#write(`none     0    0.0 s  ${suite}`);
  }

  missing(server: MissingServerError): void {
    this.#write(`\n${server.message}`);
  }

  /** Ends with what failed and why, for a log whose tail alone is read, and with the count, alone on its line. */
  finish(): void {
    if (this.#notRun.length > 0) this.#write(`\nnot run:\n${indent(this.#notRun.join("\n"))}`);
    if (this.#ended.length > slowestCount) this.#write(`\nslowest in ${this.#minutes()}:\n${indent(this.#slowest())}`);
    if (this.#failed.length > 0) this.#write(`\nfailed:\n${indent(this.#failed.join("\n"))}`);
    this.#write(`\n${this.#passed} passed, ${this.#failed.length} failed`);
  }

  #slowest(): string {
    const slowest = this.#ended.toSorted((one, other) => other.seconds - one.seconds).slice(0, slowestCount);
    return slowest.map(({ name, seconds }) => `${inSeconds(seconds)}  ${name}`).join("\n");
  }

  #minutes(): string {
    return `${(this.#secondsSince(this.#beganMs) / 60).toFixed(1)} min`;
  }

  #secondsSince(beganMs: number): number {
    return (this.#clock.monotonicMs() - beganMs) / 1_000;
  }

  #tell(name: string, { title, detail }: Failure): void {
    this.#failed.push(`${name}: ${title}\n${indent(inShort(detail))}`);
    this.#write(`\n  ${title}\n${indent(detail)}\n`);
  }
}

const SHORT_MAX_LENGTH = 300;

/** What an error says, without where it was thrown, on one line. */
function inShort(detail: string): string {
  const [message = ""] = detail.split(/^ +at /m, 1);
  const line = message.replaceAll(/\s+/g, " ").trim();
  return line.length <= SHORT_MAX_LENGTH ? line : `${line.slice(0, SHORT_MAX_LENGTH)}…`;
}

function inSeconds(seconds: number): string {
  return `${seconds.toFixed(1).padStart(5)} s`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}
