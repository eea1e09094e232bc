import { markdownTable, type SettingsTable } from "@realchat/presence-runtime";
import { deliverySettings } from "../services/delivery/settings.ts";
import { presenceSettings } from "../services/presence/settings.ts";

const tables: Record<string, SettingsTable> = { presence: presenceSettings, delivery: deliverySettings };

/** The README with its tables of settings as the services have them. @throws Error when a table's place is gone */
export function withSettingsTables(readme: string): string {
  return Object.entries(tables).reduce((text, [service, settings]) => withTable(text, service, settings), readme);
}

function withTable(readme: string, service: string, settings: SettingsTable): string {
  const begin = `<!-- settings of ${service}: \`npm run generate\` writes this table -->`;
  const end = `<!-- /settings of ${service} -->`;
  const start = readme.indexOf(begin);
  const stop = readme.indexOf(end);
  if (start === -1 || stop < start) throw new Error(`README.md has no lines "${begin}" and "${end}" for the settings`);
  return `${readme.slice(0, start + begin.length)}\n\n${markdownTable(settings).trim()}\n\n${readme.slice(stop)}`;
}
