import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from "pino";
import { prettyFactory } from "pino-pretty";
import { outliveBrokenOutput } from "./broken-output.ts";
import { hidden, namesSecret, redactUrls } from "./redact.ts";

export type Log = Logger;

export interface LogOptions {
  readonly service: string;
  readonly instance: string;
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
  /** `auto`: pretty when stdout is a terminal, else JSON. */
  readonly format: "auto" | "json" | "pretty";
}

/** What a full disk may hold up; more is dropped. */
const heldMaxBytes = 1024 * 1024;

/**
 * The log of a process: lines on stdout, written at once, so that the last ones before an exit are not lost. Secrets
 * are hidden in every line, whoever wrote it; that parses each line once more, which is why nothing logs per call.
 */
export function createLog(options: LogOptions, stdout: DestinationStream = standardOutput()): Log {
  const pretty = options.format === "pretty" || (options.format === "auto" && process.stdout.isTTY === true);
  return pino(
    {
      level: options.level,
      base: { service: options.service, instance: options.instance },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: redactLine },
    },
    pretty ? prettyLines(stdout) : stdout,
  );
}

function standardOutput(): DestinationStream {
  const output = destination({ fd: 1, sync: true, maxLength: heldMaxBytes });
  outliveBrokenOutput(output);
  return output;
}

/** Hides values of fields named after secrets, at any depth, and credentials in any URL. */
function redactLine(line: string): string {
  const redacted = JSON.stringify(JSON.parse(line), (field, value: unknown) => {
    if (namesSecret(field)) return hidden;
    return typeof value === "string" ? redactUrls(value) : value;
  });
  return `${redacted}\n`;
}

function prettyLines(stdout: DestinationStream): DestinationStream {
  const format = prettyFormat();
  return { write: (line) => stdout.write(format(line)) };
}

/** Makes a line of the JSON log readable; colored when stdout is a terminal. The result ends with a line's end. */
export function prettyFormat(): (line: string) => string {
  return prettyFactory({
    colorize: process.stdout.isTTY === true,
    ignore: "service,instance",
    translateTime: "SYS:HH:MM:ss.l",
  });
}
