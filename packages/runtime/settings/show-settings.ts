import type { Origin } from "./read-settings.ts";
import { flagOf, type GroupedSetting, type SettingsTable } from "./setting.ts";

/** The text of --help: usage, then every setting with flag, environment name, default and meaning, by group. */
export function helpText(usage: string, table: SettingsTable): string {
  const head = ["flag", "environment", "default", "meaning"];
  const rows = Object.entries(table).map(([name, setting]) => ({
    group: setting.group,
    cells: [usageOf(name, setting), name, defaultOf(setting), meaningOf(setting)],
  }));
  const widths = [head, ...rows.map(({ cells }) => cells)].reduce<number[]>(
    (widest, cells) => cells.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  );
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd();
  const order = "A flag wins over the environment, and that over the config file; an empty value counts as not given.";
  const lines = [usage, "", order, "", line(head)];
  for (const [title, members] of byGroup(rows)) lines.push("", title, ...members.map(({ cells }) => line(cells)));
  lines.push(
    "",
    "Config file",
    "  --config file   has lines NAME=value, with the names of the environment",
    "",
    "Instead of starting",
    "  --help          prints this",
    "  --version       prints which release this is",
    "  --print-config  prints every value in effect",
  );
  return `${lines.join("\n")}\n`;
}

/** The same table in Markdown, for a document that a test compares with it. */
export function markdownTable(table: SettingsTable): string {
  const rows = Object.entries(table).map(([name, setting]) => {
    const cells = [`\`${name}\``, `\`${flagOf(name)}\``, defaultInMarkdown(setting), meaningOf(setting)];
    return { group: setting.group, line: `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |` };
  });
  const lines = ["| environment | flag | default | meaning |", "| --- | --- | --- | --- |"];
  for (const [title, members] of byGroup(rows))
    lines.push(`| **${title}** | | | |`, ...members.map(({ line }) => line));
  return `${lines.join("\n")}\n`;
}

/** The text of --print-config: what is in effect and where it came from, in the form of an environment file. */
export function configText(
  table: SettingsTable,
  values: Readonly<Record<string, unknown>>,
  origins: Readonly<Record<string, Origin>>,
): string {
  const rows = Object.entries(table).map(([name, setting]) => {
    const value = values[name];
    const shown = value === undefined ? "" : setting.kind.show(value);
    return { group: setting.group, assignment: `${name}=${shown}`, origin: origins[name] };
  });
  const width = Math.max(...rows.map(({ assignment }) => assignment.length));
  const groups = [...byGroup(rows)].map(([title, members]) => {
    const lines = members.map(({ assignment, origin }) => `${assignment.padEnd(width)}  # ${origin}`);
    return `# ${title}\n${lines.join("\n")}\n`;
  });
  return groups.join("\n");
}

function usageOf(name: string, { kind }: GroupedSetting): string {
  return kind.isSwitch ? flagOf(name) : `${flagOf(name)} ${kind.placeholder}`;
}

function defaultOf(setting: GroupedSetting): string {
  if (setting.default === undefined) return "-";
  return typeof setting.default === "string" ? setting.default : setting.default.meaning;
}

function meaningOf({ kind, meaning }: GroupedSetting): string {
  return `${meaning}${kind.choices ? ` (${kind.choices.join(", ")})` : ""}${kind.canBecome ? "; live" : ""}`;
}

function defaultInMarkdown(setting: GroupedSetting): string {
  return typeof setting.default === "string" ? `\`${setting.default}\`` : defaultOf(setting);
}

function byGroup<Row extends { readonly group: string }>(rows: readonly Row[]): Map<string, Row[]> {
  return Map.groupBy(rows, ({ group }) => group);
}
