import type { z } from "zod";

/** What kind of value a setting takes: how its text is read, and how a value is shown. */
export interface ValueKind<T> {
  /** In --help, where the value stands: `duration`, `host:port`. */
  readonly placeholder: string;
  /** The only words there are; --help lists them. */
  readonly choices?: readonly string[];
  /** From the text to the value; its issues say what is wrong and what would be right. */
  readonly schema: z.ZodType<T, string>;
  /** The value as text again, with whatever is secret hidden. */
  show(value: T): string;
  /** Present: a given text is shown only through it, since even a wrong one may hold a secret. */
  hide?(text: string): string;
  /** Given as a flag without a value it means `true`. */
  readonly isSwitch?: true;
  /** The text is the path of a file, which the value is read from. */
  readonly readsFile?: true;
  /** Whether a running service can go over from one value to the other; absent: it never can. */
  canBecome?(value: T, next: T): boolean;
}

/** The same kind of value, but a running service takes a new one over as soon as it is there. */
export function live<T>(kind: ValueKind<T>): ValueKind<T> {
  return { ...kind, canBecome: () => true };
}

/** One setting: given as a flag, by the environment, by the config file, or by default, in this order. */
export interface Setting<T = unknown> {
  readonly kind: ValueKind<T>;
  /**
   * Text as a user would write it; or, where the program works it out (see `Reading.settle`), what it will be; absent:
   * no value.
   */
  readonly default?: string | { readonly meaning: string };
  /** One line for --help and docs/configuration.md. */
  readonly meaning: string;
}

export interface GroupedSetting<T = unknown> extends Setting<T> {
  readonly group: string;
  /** Name of the setting whose value stands in the file that this one names. */
  readonly holds?: string;
}

/** All settings of a program by the name they have in the environment; the flag follows from it. */
// biome-ignore lint/suspicious/noExplicitAny: kinds of different values share a table; `Values` gets each type back
export type SettingsTable = Readonly<Record<string, GroupedSetting<any>>>;

/** The typed values of a table, or of some settings; a setting without a default text may be undefined. */
// biome-ignore lint/suspicious/noExplicitAny: as above
export type Values<Table extends Readonly<Record<string, Setting<any>>>> = {
  readonly [Name in keyof Table]: Table[Name] extends { readonly kind: ValueKind<infer T> }
    ? Table[Name] extends { readonly default: string }
      ? T
      : T | undefined
    : never;
};

/** `SESSION_TTL` → `--session-ttl`. */
export function flagOf(name: string): string {
  return `--${name.toLowerCase().replaceAll("_", "-")}`;
}
