import type { Writable } from "node:stream";

/** Where a command writes: the answer to stdout, all else to stderr. */
export interface Terminal {
  /** Writes a line of the answer; resolves when the reader has room for the next, or is gone. */
  print(line: string): Promise<void>;
  /** Writes a line about the answer. */
  note(line: string): void;
  /** A green ● or a grey ○; without their colors where those are not wanted. */
  dot(online: boolean): string;
  /** Less important than what stands beside it. */
  faint(text: string): string;
}

/** @param colors whether stdout shows them */
export function createTerminal(stdout: Writable, stderr: Writable, colors: boolean): Terminal {
  // SGR parameters. Source: ECMA-48 §8.3.117
  const paint = (parameter: number, text: string) => (colors ? `\x1b[${parameter}m${text}\x1b[0m` : text);
  let isBroken = false;
  /** Lines that wait until the reader has room. */
  let waiting: (() => void)[] = [];
  const goOn = () => {
    for (const resolve of waiting) resolve();
    waiting = [];
  };
  stdout.on("drain", goOn);
  stdout.on("error", () => {
    isBroken = true;
    goOn();
  });
  return {
    async print(line) {
      if (isBroken || stdout.write(`${line}\n`)) return;
      await new Promise<void>((resolve) => waiting.push(resolve));
    },
    note: (line) => void stderr.write(`${line}\n`),
    dot: (online) => (online ? paint(32, "●") : paint(90, "○")),
    faint: (text) => paint(2, text),
  };
}
