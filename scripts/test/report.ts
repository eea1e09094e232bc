import type { MissingServerError } from "@realchat/presence-testing";
import type { Failure, Outcome } from "./outcome.ts";

/** Counts, and says what happens: a line for what passed, everything about what failed, and at the end why, in short. */
export class Report {
  #passed = 0;
  readonly #failed: string[] = [];
  readonly #notRun: string[] = [];
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  get exitCode(): 0 | 1 {
    return this.#failed.length === 0 ? 0 : 1;
  }

  note(line: string): void {
    this.#write(`      ${line}`);
  }

  /** @param name of the check or suite */
  add(name: string, { passed, failures, output = "", note }: Outcome, seconds = 0): void {
    this.#passed += passed;
    const verdict = failures.length === 0 ? "ok  " : "FAIL";
    this.#write(`${verdict}  ${String(passed).padStart(4)}  ${seconds.toFixed(1).padStart(5)} s  ${name}`);
    if (note !== undefined) this.note(note);
    for (const failure of failures) this.#tell(name, failure);
    if (failures.length > 0 && output.trim() !== "") this.#write(`\n${indent(`${name} wrote:\n${output.trim()}`)}\n`);
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
    if (this.#failed.length > 0) this.#write(`\nfailed:\n${indent(this.#failed.join("\n"))}`);
    this.#write(`\n${this.#passed} passed, ${this.#failed.length} failed`);
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

function indent(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}
