/** The settings as given cannot be used; lists everything that is wrong with them at once. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  /** One sentence each: which setting, what was given, why it is wrong, what would be right. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? "a setting is wrong" : `${problems.length} settings are wrong`;
    super(`${count} (--help lists all settings):\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.problems = problems;
  }
}
