import { isDeepStrictEqual } from "node:util";
import type { CommandLine } from "./command-line.ts";
import { noConfigFile, readConfigFile } from "./config-file.ts";
import type { Environment } from "./environment.ts";
import { filesIn, type Origin, readSettings } from "./read-settings.ts";
import type { SettingsTable, Values } from "./setting.ts";
import { SettingsError } from "./settings-error.ts";

/** A program's settings, and how they become its configuration. */
export interface Configurable<Table extends SettingsTable, Whole extends Values<Table>, Config> {
  readonly settings: Table;
  /** What --help says before the table. */
  readonly usage: string;
  /** What --version prints. */
  readonly version: string;
  /** Adds the values that follow from others. */
  workOut(given: Values<Table>): Whole;
  /** @returns what does not go together, a sentence each */
  conflictsAmong(values: Whole): readonly string[];
  configOf(values: Whole): Config;
}

/** What reading the settings again has brought. */
interface Rereading<Config> {
  /** As it is in force, but for `replaced`. */
  readonly config: Config;
  /** Names of settings whose new value a running service can take over. */
  readonly replaced: readonly string[];
  /** Names of settings whose new value takes a new start. */
  readonly waiting: readonly string[];
  /** From now on `config` is in force. */
  accept(): void;
}

/** The settings of a running service, which can be read again. */
export interface LiveSettings<Config> {
  /** As it is in force now. */
  readonly config: Config;
  /** Paths of the files that they were last read from, whether they could be or not. */
  readonly files: readonly string[];
  /** @throws SettingsError as a start would */
  reread(): Rereading<Config>;
}

/** Settings as they were read, with all that follows from them. */
export class ReadSettings<Table extends SettingsTable, Whole extends Values<Table>, Config>
  implements LiveSettings<Config>
{
  readonly #program: Configurable<Table, Whole, Config>;
  readonly #commandLine: CommandLine;
  readonly #environment: Environment;
  #files: readonly string[] = [];
  #given: Values<Table>;
  #values: Whole;
  #config: Config;
  readonly origins: { readonly [Name in keyof Table]: Origin };

  /** @throws SettingsError listing everything that is wrong, or that does not go together */
  constructor(program: Configurable<Table, Whole, Config>, commandLine: CommandLine, environment: Environment) {
    this.#program = program;
    this.#commandLine = commandLine;
    this.#environment = environment;
    const { given, values, origins } = this.#read();
    this.#given = given;
    this.#values = values;
    this.#config = program.configOf(values);
    this.origins = origins;
  }

  get values(): Whole {
    return this.#values;
  }

  get files(): readonly string[] {
    return this.#files;
  }

  get config(): Config {
    return this.#config;
  }

  reread(): Rereading<Config> {
    const { given: next } = this.#read();
    const now = this.#given;
    const changed = Object.entries(this.#program.settings)
      // The value of a file's content is that of the setting that it holds.
      .filter(([name, { holds }]) => holds === undefined && !isDeepStrictEqual(now[name], next[name]))
      .map(([name]) => name);
    const replaced = changed.filter((name) => this.#canBecome(name, now[name], next[name]));
    const taken = Object.fromEntries(replaced.map((name) => [name, next[name]]));
    const values: Whole = { ...this.#values, ...taken };
    refuseConflicts(this.#program.conflictsAmong(values));
    const config = this.#program.configOf(values);
    return {
      config,
      replaced,
      waiting: changed.filter((name) => !replaced.includes(name)),
      accept: () => {
        this.#given = { ...now, ...taken };
        this.#values = values;
        this.#config = config;
      },
    };
  }

  /** What is switched on or off by being given at all takes a new start. */
  #canBecome(name: string, now: unknown, next: unknown): boolean {
    const { canBecome } = this.#program.settings[name]?.kind ?? {};
    return now !== undefined && next !== undefined && canBecome?.(now, next) === true;
  }

  #read() {
    const { settings, workOut, conflictsAmong } = this.#program;
    const path = this.#commandLine.configFile;
    const configFile = path === undefined ? noConfigFile : readConfigFile(path, Object.keys(settings));
    const sources = { commandLine: this.#commandLine, environment: this.#environment, configFile };
    this.#files = [...(path === undefined ? [] : [path]), ...filesIn(settings, sources)];
    const { values: given, origins } = readSettings(settings, sources);
    const values = workOut(given);
    refuseConflicts(conflictsAmong(values));
    return { given, values, origins };
  }
}

function refuseConflicts(conflicts: readonly string[]): void {
  if (conflicts.length > 0) throw new SettingsError(conflicts);
}
