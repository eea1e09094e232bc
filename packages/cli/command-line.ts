import { parseArgs } from "node:util";
import { type Environment, nearest } from "@realchat/presence-runtime/settings";
import { CliError } from "./cli-error.ts";
import { type Command, operandShape } from "./command.ts";
import { type Flags, readFlag } from "./flag.ts";
import { type SharedFlags, sharedFlags } from "./shared-flags.ts";

type CommandLine =
  /** `command` undefined: of all that are listed. */
  | { readonly kind: "help"; readonly command: Command | undefined; readonly listed: readonly Command[] }
  | { readonly kind: "version" }
  | {
      readonly kind: "run";
      readonly command: Command;
      readonly operands: readonly string[];
      readonly flags: Readonly<Record<string, unknown>> & SharedFlags;
    };

/**
 * Reads `COMMAND [OPERAND|--flag ...]`, where some commands have names of two words; flags may stand anywhere, and after `--` there are only operands.
 * @throws CliError USAGE: what is wrong and what was probably meant
 */
export function readCommandLine(
  args: readonly string[],
  commands: readonly Command[],
  environment: Environment,
): CommandLine {
  const { words, flags } = split(args, commands);
  const wantsHelp = words[0] === "help" || flags.some(({ name }) => name === "help");
  const said = words[0] === "help" ? words.slice(1) : words;
  const [name] = said;
  if (name === undefined) {
    if (wantsHelp) return { kind: "help", command: undefined, listed: commands };
    if (flags.some((flag) => flag.name === "version")) return { kind: "version" };
    throw new CliError("USAGE", `say what to do: ${commands.map((command) => command.name).join(", ")}`);
  }
  const family = commands.filter((command) => command.name.startsWith(`${name} `));
  if (wantsHelp && family.length > 0 && said.length === 1) return { kind: "help", command: undefined, listed: family };
  const command = findCommand(said, family, commands);
  const operands = said.slice(command.name.split(" ").length);
  if (wantsHelp) return { kind: "help", command, listed: [command] };
  checkOperands(operands, command);
  return { kind: "run", command, operands, flags: readFlags(flags, command, environment) };
}

interface TypedFlag {
  readonly name: string;
  /** As it was typed, with its dashes. */
  readonly rawName: string;
  readonly value: string | undefined;
  /** Joined to its value: `--name=value`. */
  readonly inline: boolean;
}

function split(args: readonly string[], commands: readonly Command[]): { words: string[]; flags: TypedFlag[] } {
  const all: Flags = Object.assign({}, ...commands.map((command) => command.flags), sharedFlags);
  const options = Object.fromEntries(
    Object.entries(all).map(([name, { kind }]) => [name, { type: kind.isSwitch ? "boolean" : "string" } as const]),
  );
  const { tokens } = parseArgs({
    args: [...args],
    options: { ...options, help: { type: "boolean", short: "h" }, version: { type: "boolean", short: "v" } },
    // Not strict: strict parsing knows neither which command a flag belongs to nor what was meant.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const words: string[] = [];
  const flags: TypedFlag[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind === "option") flags.push({ ...token, inline: token.inlineValue === true });
  }
  return { words, flags };
}

/** @param family those whose first word was said: the second tells which */
function findCommand(words: readonly string[], family: readonly Command[], commands: readonly Command[]): Command {
  const name = words.slice(0, family.length > 0 ? 2 : 1).join(" ");
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  const names = (family.length > 0 ? family : commands).map((command) => command.name);
  if (family.length > 0 && words.length === 1) throw new CliError("USAGE", `say what to do: ${names.join(", ")}`);
  const meant = nearest(name, names);
  const advice = meant === undefined ? `there are ${names.join(", ")}` : `did you mean "${meant}"?`;
  throw new CliError("USAGE", `there is no command "${name}": ${advice}`);
}

function checkOperands(words: readonly string[], command: Command): void {
  const { name, operands } = command;
  const shape = `presence ${[name, ...operands.map(operandShape)].join(" ")}`;
  const missing = operands.slice(words.length).filter(({ times }) => times !== "any");
  if (missing.length > 0) {
    throw new CliError("USAGE", `${name} needs ${missing.map((operand) => operand.name).join(" and ")}: ${shape}`);
  }
  const isOpen = operands.some(({ times }) => times !== "once");
  if (!isOpen && words.length > operands.length) {
    throw new CliError("USAGE", `${name} does not know what to do with "${words[operands.length]}": ${shape}`);
  }
}

function readFlags(
  typed: readonly TypedFlag[],
  command: Command,
  environment: Environment,
): Readonly<Record<string, unknown>> & SharedFlags {
  const known: Flags = { ...command.flags, ...sharedFlags };
  const texts = new Map(typed.map((flag) => [flag.name, textOf(flag, command, known)]));
  const values = Object.entries(known).map(([name, flag]) => [
    name,
    readFlag(name, flag, texts.get(name), environment),
  ]);
  return Object.fromEntries(values);
}

/** @throws CliError USAGE when the command has no such flag, or the flag has no value */
function textOf({ name, rawName, value, inline }: TypedFlag, command: Command, known: Flags): string {
  const flag = Object.hasOwn(known, name) ? known[name] : undefined;
  if (flag === undefined) {
    const meant = nearest(name, Object.keys(known));
    const advice = meant === undefined ? `see "presence ${command.name} --help"` : `did you mean --${meant}?`;
    throw new CliError("USAGE", `${command.name} has no flag ${rawName}: ${advice}`);
  }
  if (flag.kind.isSwitch) return value ?? "true";
  // In `--addr --json` the value was forgotten; `--addr=--json` would be meant.
  if (!value || (!inline && value.startsWith("--"))) {
    throw new CliError("USAGE", `${rawName} has no value: give ${rawName} ${flag.kind.placeholder}`);
  }
  return value;
}
