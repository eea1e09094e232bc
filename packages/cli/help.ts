import { type Command, operandShape } from "./command.ts";
import type { Flags } from "./flag.ts";
import { align } from "./layout.ts";
import { sharedFlags } from "./shared-flags.ts";

/** What `presence --help` prints. */
export function overview(commands: readonly Command[]): string {
  const list = align(commands.map((command) => [`  ${shapeOf(command)}`, command.summary]));
  return [
    "Ask and tell the presence service who is online, on which devices, right now.",
    "",
    "Usage: presence COMMAND [--flag ...]        (in the repository: npm run -s presence -- COMMAND ...)",
    "",
    ...list,
    "",
    "Flags of every command:",
    ...flagLines(sharedFlags),
    "",
    'More about one command: "presence COMMAND --help". Name and version: "presence --version".',
    "Exit codes: 0 done, 1 the call failed, 2 the command line is wrong, 3 nothing answers at the address.",
  ].join("\n");
}

/** What `presence COMMAND --help` prints. */
export function manual(command: Command): string {
  const own = Object.keys(command.flags).length > 0 ? ["", "Flags:", ...flagLines(command.flags)] : [];
  return [
    `Usage: presence ${shapeOf(command)} [--flag ...]`,
    "",
    command.details,
    ...own,
    "",
    "Flags of every command:",
    ...flagLines(sharedFlags),
    "",
    "Examples:",
    ...command.examples.map((example) => `  presence ${example}`),
  ].join("\n");
}

function shapeOf({ name, operands }: Command): string {
  return [name, ...operands.map(operandShape)].join(" ");
}

function flagLines(flags: Flags): string[] {
  return align(
    Object.entries(flags).map(([name, { kind, meaning, variable, default: fallback }]) => {
      const origin = [
        ...(variable === undefined ? [] : [`environment: ${variable}`]),
        ...(fallback === undefined || kind.isSwitch ? [] : [`default: ${fallback}`]),
      ];
      return [
        kind.isSwitch ? `  --${name}` : `  --${name} ${kind.placeholder}`,
        origin.length === 0 ? meaning : `${meaning} (${origin.join("; ")})`,
      ];
    }),
  );
}
