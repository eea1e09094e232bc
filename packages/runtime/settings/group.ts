import { fileOf } from "./file-of.ts";
import type { GroupedSetting, Setting, ValueKind } from "./setting.ts";

/** Puts settings under one heading of --help; one that may be secret can also be given as NAME_FILE. */
// biome-ignore lint/suspicious/noExplicitAny: as in SettingsTable
export function group<const Settings extends Readonly<Record<string, Setting<any>>>>(
  title: string,
  settings: Settings,
): { readonly [Name in keyof Settings]: Settings[Name] & { readonly group: string } } {
  const entries = Object.entries(settings).flatMap(([name, setting]) => {
    const own = [name, { ...setting, group: title }];
    return setting.kind.hide === undefined ? [own] : [own, fileTwin(name, setting.kind, title)];
  });
  return Object.fromEntries(entries);
}

function fileTwin(name: string, kind: ValueKind<unknown>, title: string): [string, GroupedSetting] {
  return [`${name}_FILE`, { kind: fileOf(kind), meaning: `file that holds ${name}`, group: title, holds: name }];
}
